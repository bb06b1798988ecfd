import { type AppLogLine, type LogLine, PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import { readLog } from '../logs/read-log.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'
import { instanceName } from './app-view.ts'

/** A notification can be lost, so the follower also looks by itself. */
const POLL_MS = 1000
/** And no more often than this, however many lines are stored. */
const MIN_GAP_MS = 100

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
  return readUpTo(db, request, await lastLines(db, await instancesOf(db, request.app, request.instance)))
}

/** @param last line of each instance that is to be read, by id */
async function readUpTo(
  db: Database,
  { app, tail, since }: AppLogRequest,
  last: ReadonlyMap<string, number>,
): Promise<AppLogLine[]> {
  if (tail === 0) return []
  const lines: AppLogLine[] = []
  for (const [id, line] of last) {
    const { items } = await readLog(db, id, { tail, since })
    lines.push(
      ...named(
        app.name,
        id,
        items.filter((item) => item.line <= line),
      ),
    )
  }
  return lines.toSorted(byTime).slice(-tail)
}

function named(app: string, id: string, lines: readonly LogLine[]): AppLogLine[] {
  const instance = instanceName(app, id)
  return lines.map((line) => ({ ...line, instance }))
}

/**
 * The same, and then each new line of every instance that is there or comes, until the signal aborts. Pulled by the
 * reader: at most one page per instance is in memory. Lines of one look are in the order of their times.
 */
export async function* followAppLog(
  deps: AppLogDeps,
  request: AppLogRequest,
  signal: AbortSignal,
): AsyncGenerator<AppLogLine> {
  const { db, clock } = deps
  const { app, instance } = request
  const after = await lastLines(db, await instancesOf(db, app, instance))
  yield* await readUpTo(db, request, after)
  let grown = new AbortController()
  const wake = (): void => grown.abort()
  const ends = [deps.listener.on('panda_logs', wake), deps.listener.on('panda_apps', wake)]
  signal.addEventListener('abort', wake)
  try {
    while (!signal.aborted) {
      grown = new AbortController()
      const ids = await instancesOf(db, app, instance).catch(ignoreNotFound)
      const fresh: AppLogLine[] = []
      for (const id of ids) {
        const { items } = await readLog(db, id, { after: after.get(id) ?? 0 })
        after.set(id, items.at(-1)?.line ?? after.get(id) ?? 0)
        fresh.push(...named(app.name, id, items))
      }
      yield* fresh.toSorted(byTime)
      if (fresh.length > 0) continue
      await clock.sleep(MIN_GAP_MS, signal)
      if (!signal.aborted) await clock.sleep(POLL_MS, grown.signal)
    }
  } finally {
    for (const end of ends) end()
    signal.removeEventListener('abort', wake)
  }
}

function ignoreNotFound(error: unknown): string[] {
  if (error instanceof PandaError && error.code === 'not_found') return []
  throw error
}

function byTime(a: AppLogLine, b: AppLogLine): number {
  return a.time.localeCompare(b.time)
}

async function instancesOf(db: Database, app: AppLogRequest['app'], wanted: string | undefined): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select i.id from app_instances i where i.app_id = ${app.id} order by i.id`.execute(db)
  const ids = rows.map((row) => row.id)
  if (wanted === undefined) return ids
  const found = ids.filter((id) => id === wanted || instanceName(app.name, id) === wanted)
  if (found.length > 0) return found
  throw new PandaError('not_found', `The app "${app.name}" has no instance "${wanted}".`, {
    hint: `See: panda app get ${app.name}`,
  })
}

async function lastLines(db: Database, ids: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ run_id: string; last: number }>`
    select run_id, max(first_line + line_count - 1)::float8 as last from log_chunks
    where run_id = any (${[...ids]}::text[]) group by run_id`.execute(db)
  return new Map(rows.map((row) => [row.run_id, row.last]))
}
