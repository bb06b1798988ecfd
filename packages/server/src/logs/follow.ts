import { isFinal, type LogLine, type RunState } from '@pandastack/contract'
import { sql } from 'kysely'
import { systemClock, type Clock } from '../clock.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'
import { readLog } from './read-log.ts'

/** A notification can be lost, so the follower also looks by itself. */
const POLL_MS = 1000
/**
 * A run's end is recorded when its log is stored. Where that failed the log is never complete: the run has then ended
 * so long ago that nothing will come.
 */
const ABANDONED_MS = 5000

export interface FollowDeps {
  readonly db: Database
  readonly listener: Pick<Listener, 'on'>
  readonly clock?: Clock
}

export interface FollowOptions {
  /** Lines behind this one. Default 0. */
  readonly after?: number
  /** Ends the iteration without an error. */
  readonly signal: AbortSignal
}

/**
 * The lines of a run as they come, until the run has ended and its log is complete. Pulled by the reader: at most one
 * page is in memory, however slow the reader is.
 */
export async function* followLog(deps: FollowDeps, runId: string, options: FollowOptions): AsyncGenerator<LogLine> {
  const { signal } = options
  const clock = deps.clock ?? systemClock
  let after = options.after ?? 0
  let grown = new AbortController()
  const wake = (payload: string): void => {
    if (payload === runId || payload === '') grown.abort()
  }
  const stopLogs = deps.listener.on('panda_logs', wake)
  const stopRuns = deps.listener.on('panda_runs', wake)
  const onAbort = (): void => grown.abort()
  signal.addEventListener('abort', onAbort)
  try {
    while (!signal.aborted) {
      grown = new AbortController()
      // Asked before the read: lines that were stored before the end are read after it was seen.
      const ended = await hasEnded(deps.db, runId)
      for (;;) {
        const { items, nextAfter } = await readLog(deps.db, runId, { after })
        for (const line of items) {
          if (signal.aborted) return
          after = line.line
          yield line
        }
        if (nextAfter === null) break
      }
      if (ended) return
      if (!signal.aborted) await clock.sleep(POLL_MS, grown.signal)
    }
  } finally {
    stopLogs()
    stopRuns()
    signal.removeEventListener('abort', onAbort)
  }
}

async function hasEnded(db: Database, runId: string): Promise<boolean> {
  const { rows } = await sql<{ state: RunState; settled: boolean; ended_for_ms: number | null }>`
    select r.state, (l.run_id is null or l.complete or l.attempt < r.attempt) as settled,
      (extract(epoch from panda_now() - r.finished_at) * 1000)::float8 as ended_for_ms
    from runs r left join run_logs l on l.run_id = r.id where r.id = ${runId}`.execute(db)
  const row = rows[0]
  if (row === undefined) return true
  if (!isFinal(row.state)) return false
  // An attempt whose unit never ran has no log.
  return row.settled || (row.ended_for_ms ?? 0) > ABANDONED_MS
}
