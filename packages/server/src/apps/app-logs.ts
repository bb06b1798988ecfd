import { type AppLogLine, type LogLine, PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import { readLog } from '../logs/read-log.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'
import { AppLogPosition, type LoggingInstance, mergeByTime } from './app-log-position.ts'
import { instanceName } from './app-view.ts'

/** A notification can be lost, so the follower also looks by itself. */
const POLL_MS = 1000
/** And no more often than this, however many lines are stored. */
const MIN_GAP_MS = 100
/** The last lines of an instance are stored before its end is; so long after that nothing can come. */
const OVER_AFTER_MS = 30_000

export interface AppLogDeps {
  readonly db: Database
  readonly listener: Pick<Listener, 'on'>
  readonly clock: Clock
}

export interface AppLogRequest {
  readonly app: { readonly id: string; readonly name: string }
  readonly tail: number
  readonly since?: Date | undefined
  /** Name or id of the only instance that is wanted. */
  readonly instance?: string | undefined
}

/** The newest lines of all instances, in the order of their times. @throws PandaError `not_found` for an unknown instance */
export async function readAppLog(db: Database, request: AppLogRequest): Promise<AppLogLine[]> {
  const instances = await instancesOf(db, request.app, request.instance)
  return (await readUpTo(db, request, await lastLines(db, instances))).map(({ line }) => line)
}

/** A line with the instance that it is of, which its name alone does not tell. */
interface Entry {
  readonly id: string
  readonly time: string
  readonly line: AppLogLine
}

/** @param last line of each instance that is to be read, by id */
async function readUpTo(
  db: Database,
  { app, tail, since }: AppLogRequest,
  last: ReadonlyMap<string, number>,
): Promise<Entry[]> {
  if (tail === 0) return []
  const lists: Entry[][] = []
  for (const [id, newest] of last) {
    const { items } = await readLog(db, id, { tail, since })
    lists.push(entries(app.name, id, items).filter(({ line }) => line.line <= newest))
  }
  return mergeByTime(lists).slice(-tail)
}

function entries(app: string, id: string, lines: readonly LogLine[]): Entry[] {
  const instance = instanceName(app, id)
  return lines.map((line) => ({ id, time: line.time, line: { ...line, instance } }))
}

export interface AppLogEvent {
  /** Where to go on behind it. */
  readonly id: string
  /** null: none yet; this is where what comes begins. */
  readonly line: AppLogLine | null
}

/**
 * The same, and then each new line of every instance that is there or comes, until the signal aborts. Pulled by the
 * reader: at most one page per instance is in memory. Lines of one look are in the order of their times.
 *
 * @param lastEventId goes on behind that event instead, without gap or double
 */
export async function* followAppLog(
  deps: AppLogDeps,
  request: AppLogRequest,
  signal: AbortSignal,
  lastEventId?: string,
): AsyncGenerator<AppLogEvent> {
  const { clock } = deps
  const position = lastEventId === undefined ? new AppLogPosition() : AppLogPosition.parse(lastEventId)
  if (lastEventId === undefined) yield* begin(deps.db, request, position)
  let grown = new AbortController()
  const wake = (): void => grown.abort()
  const ends = [deps.listener.on('panda_logs', wake), deps.listener.on('panda_apps', wake)]
  signal.addEventListener('abort', wake)
  try {
    while (!signal.aborted) {
      grown = new AbortController()
      const fresh = await readFresh(deps.db, request, position)
      for (const { id, line } of fresh) {
        position.reach(id, line.line)
        yield { id: position.toString(), line }
      }
      if (fresh.length > 0) continue
      await clock.sleep(MIN_GAP_MS, signal)
      if (!signal.aborted) await clock.sleep(POLL_MS, grown.signal)
    }
  } finally {
    for (const end of ends) end()
    signal.removeEventListener('abort', wake)
  }
}

/** What a reader gets that comes for the first time, and from where on. */
async function* begin(db: Database, request: AppLogRequest, position: AppLogPosition): AsyncGenerator<AppLogEvent> {
  const instances = await instancesOf(db, request.app, request.instance)
  const last = await lastLines(db, instances)
  const lines = await readUpTo(db, request, last)
  position.meet(instances)
  for (const { id, over } of instances) {
    const first = lines.find((entry) => entry.id === id)
    position.reach(id, first === undefined ? (last.get(id) ?? 0) : first.line.line - 1)
    if (over && first === undefined) position.finish(id)
  }
  yield { id: position.toString(), line: null }
  for (const { id, line } of lines) {
    position.reach(id, line.line)
    yield { id: position.toString(), line }
  }
}

async function readFresh(db: Database, request: AppLogRequest, position: AppLogPosition): Promise<Entry[]> {
  const instances = await instancesOf(db, request.app, request.instance).catch(ignoreNotFound)
  position.meet(instances)
  const lists: Entry[][] = []
  for (const { id, over } of instances) {
    const after = position.of(id)
    if (after === null) continue
    const { items } = await readLog(db, id, { after })
    if (items.length > 0) lists.push(entries(request.app.name, id, items))
    else if (over) position.finish(id)
  }
  return mergeByTime(lists)
}

function ignoreNotFound(error: unknown): LoggingInstance[] {
  if (error instanceof PandaError && error.code === 'not_found') return []
  throw error
}

async function instancesOf(
  db: Database,
  app: AppLogRequest['app'],
  wanted: string | undefined,
): Promise<LoggingInstance[]> {
  const { rows } = await sql<LoggingInstance>`
    select i.id, (extract(epoch from i.created_at) * 1000000)::float8 as "createdAt",
      coalesce(i.finished_at < panda_now() - ${OVER_AFTER_MS} * interval '1 millisecond', false) as over
    from app_instances i where i.app_id = ${app.id} order by i.id`.execute(db)
  if (wanted === undefined) return rows
  const found = rows.filter(({ id }) => id === wanted || instanceName(app.name, id) === wanted)
  if (found.length > 0) return found
  throw new PandaError('not_found', `The app "${app.name}" has no instance "${wanted}".`, {
    hint: `See: panda app get ${app.name}`,
  })
}

async function lastLines(db: Database, instances: readonly LoggingInstance[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ run_id: string; last: number }>`
    select run_id, max(first_line + line_count - 1)::float8 as last from log_chunks
    where run_id = any (${instances.map(({ id }) => id)}::text[]) group by run_id`.execute(db)
  return new Map(rows.map((row) => [row.run_id, row.last]))
}
