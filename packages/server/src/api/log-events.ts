import { type LogLine, PandaError, type RunDetail } from '@pandastack/contract'
import { followLog } from '../logs/follow.ts'
import type { LogReadQuery } from '../logs/log-types.ts'
import type { ApiDeps } from './deps.ts'
import type { ServerEvent } from './route.ts'

export interface LogEventsRequest {
  readonly runId: string
  readonly query: LogReadQuery
  readonly lastEventId: string | undefined
  readonly signal: AbortSignal
  /** Reads the run for the last event. */
  readonly run: () => Promise<RunDetail>
}

/** `log` for each line that matches, `id` = its number, and one `end` with the run. Nothing is read ahead of the client. */
export async function* logEvents(deps: ApiDeps, request: LogEventsRequest): AsyncGenerator<ServerEvent> {
  const { runId, query, signal } = request
  let after = afterLastEvent(request.lastEventId)
  if (after === undefined) {
    const start = await firstLines(deps, runId, query)
    for (const line of start.lines) yield logEvent(line)
    after = start.after
  }
  for await (const line of followLog(deps, runId, { after, signal })) {
    if (matches(line, query)) yield logEvent(line)
  }
  if (!signal.aborted) yield { event: 'end', data: await request.run() }
}

/** @throws PandaError `invalid_request` */
export function afterLastEvent(lastEventId: string | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId)
  const message = 'is not the id of a log line'
  throw new PandaError('invalid_request', `Last-Event-ID ${message}.`, { errors: [{ path: 'last-event-id', message }] })
}

/** What a client wants that comes for the first time, and behind which line its live log begins. */
async function firstLines(
  deps: ApiDeps,
  runId: string,
  query: LogReadQuery,
): Promise<{ lines: readonly LogLine[]; after: number }> {
  const { after = 0, tail, since } = query
  if (tail !== undefined) {
    const { items } = await deps.logs.page(runId, { ...query, tail: Math.max(tail, 1) })
    return { lines: tail === 0 ? [] : items, after: items.at(-1)?.line ?? after }
  }
  if (since === undefined) return { lines: [], after }
  const { items } = await deps.logs.page(runId, { ...query, limit: 1 })
  const [first] = items
  return { lines: items, after: first?.line ?? after }
}

function matches(line: LogLine, { attempt, stream, since }: LogReadQuery): boolean {
  return (
    (attempt === undefined || line.attempt === attempt) &&
    (stream === undefined || line.stream === stream) &&
    (since === undefined || Date.parse(line.time) >= since.getTime())
  )
}

function logEvent(line: LogLine): ServerEvent {
  return { event: 'log', id: String(line.line), data: line }
}
