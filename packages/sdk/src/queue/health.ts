import type { QueueStats } from './driver.ts'
import type { Worker } from './worker.ts'
import type { Clock } from './clock.ts'

export interface QueueHealth {
  readonly ok: boolean
  /** In sentences; empty when all is well. */
  readonly problems: readonly string[]
  /** Ms since the store last answered the worker, or looked whether it has work for it; null without a worker. */
  readonly lastExchangeMsAgo: number | null
  /** Ms since the worker's lease was last renewed; null without a worker. */
  readonly lastLeaseMsAgo: number | null
  readonly queued: number | null
}

/** Work that waits for so long while a worker has nothing to do is not being fetched. */
const UNFETCHED_MS = 10_000

/**
 * Looks at consumption, not at the socket: a worker that is connected but takes nothing is not well.
 * @param stats null when the store did not answer
 */
export function judgeHealth(
  worker: Worker | null,
  stats: QueueStats | null,
  leaseMs: number,
  clock: Clock,
): QueueHealth {
  const problems: string[] = []
  const now = clock.now()
  const consumer = worker?.consumer ?? null
  const since = (at: number | undefined): number | null => (at === undefined || !Number.isFinite(at) ? null : now - at)
  const lease = since(worker?.lastLeaseAt)
  if (stats === null) problems.push('The store does not answer.')
  if (worker !== null && consumer === null)
    problems.push('The worker has not started: it has not reached the store yet.')
  if (lease !== null && lease > leaseMs)
    problems.push(`The lease was last renewed ${Math.round(lease)} ms ago: its jobs are given to others.`)
  if (consumer !== null && stats !== null && isStarving(consumer, stats, now)) {
    problems.push(
      `${stats.counts.queued} jobs wait, and the idle worker has fetched none for ${Math.round(now - consumer.lastClaimAt)} ms.`,
    )
  }
  return {
    ok: problems.length === 0,
    problems,
    lastExchangeMsAgo: since(consumer?.lastAnswerAt),
    lastLeaseMsAgo: lease,
    queued: stats?.counts.queued ?? null,
  }
}

function isStarving(consumer: NonNullable<Worker['consumer']>, stats: QueueStats, now: number): boolean {
  const { paused, concurrency, rate, groupRate } = stats.settings
  const limited = paused || concurrency !== null || rate !== null || groupRate !== null
  const waiting = stats.counts.queued > 0 && (stats.oldestQueuedMs ?? 0) > UNFETCHED_MS
  return waiting && !limited && consumer.hungry && now - consumer.lastClaimAt > UNFETCHED_MS
}
