import type { EventDeadReason, Settlement } from '../../events/driver.ts'
import type { ClaimedJob, JobRecord, JobResult, KeepPolicy } from '../../queue/driver.ts'
import { MAX_CRASHES } from '../../queue/states.ts'

const DAY_MS = 86_400_000
const NOTHING = { count: 0, ageMs: 0 }

/** What is done is forgotten at once; dead letters are kept for somebody to look at them. */
export const KEEP: KeepPolicy = {
  succeeded: NOTHING,
  cancelled: NOTHING,
  dead: { count: 1_000_000, ageMs: 90 * DAY_MS },
}

export function resultOf(job: ClaimedJob, outcome: Settlement): JobResult {
  switch (outcome.kind) {
    case 'done':
      return { kind: 'succeeded', job, value: null }
    case 'retry':
      return { kind: 'retry', job, delayMs: Math.max(0, outcome.delayMs), error: outcome.error }
    case 'dead':
      return { kind: 'dead', job, reason: outcome.reason, error: outcome.error }
    case 'released':
      return { kind: 'released', job }
  }
}

/** Failures of an event that waits for its retries in its consumer's hands (see held-retries.ts); kept as the job's progress. */
export interface Memo {
  readonly failures: number
  /** Both in ms since 1970. */
  readonly firstFailedAt: number
  readonly dueAt: number
}

export function memoOf(record: Pick<JobRecord, 'progress'>): Memo | null {
  return record.progress === null ? null : (JSON.parse(record.progress) as Memo)
}

/** Calls of the handler that failed. The engine counts every death as one, save those that it brought about itself. */
export function attemptsOf(record: JobRecord): number {
  const memo = memoOf(record)?.failures ?? 0
  const reason = record.reason as EventDeadReason
  const byHandler = reason === 'attempts' || reason === 'final'
  const diedByCrash = reason === 'crashes' && record.crashes >= MAX_CRASHES
  return Math.max(0, memo + record.failures - (byHandler || diedByCrash ? 0 : 1))
}
