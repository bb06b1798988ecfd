import { sql } from 'kysely'
import { reach } from '../fault-points.ts'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { Database, Queryable } from '../store/database.ts'
import { lockDueCronjobs, notAmong } from './due-cronjobs.ts'
import { CLAIM_BATCH } from './limits.ts'
import type { BrokenSchedule } from './plan-batch.ts'
import { recordTicks } from './record-ticks.ts'
import type { Owner } from './write-ticks.ts'

export interface ClaimOptions extends Owner {
  /** Runs that this server may start at once; further ones are born `queued`. */
  readonly slots: number
  /** Cronjobs at most. Default 2000. */
  readonly batch?: number
  /** Which due cronjobs come first. Default `oldest`. */
  readonly order?: 'oldest' | 'newest'
  /** Cronjobs that this server cannot read; they stay due for the others. Default none. */
  readonly except?: readonly string[]
  /** Called as soon as it is known that the batch is full, long before the claim ends: another lane may join in. */
  readonly onFull?: () => void
}

export interface ClaimResult {
  /** Rows written. */
  readonly ticks: number
  /** True when as many cronjobs were due as the batch takes, so that more may be. */
  readonly full: boolean
  readonly started: readonly ClaimedRun[]
  /** Until the next tick of any cronjob by the database's clock; 0 or less = due now, null = there is none. */
  readonly nextDueInMs: number | null
  readonly nextDueAt: Date | null
  readonly broken: readonly BrokenSchedule[]
}

/** The claim failed in a way that does not tell whether it was committed: these runs may exist and be ours. */
export class ClaimInDoubt extends Error {
  override readonly name = 'ClaimInDoubt'
  readonly runs: readonly ClaimedRun[]

  constructor(runs: readonly ClaimedRun[], cause: unknown) {
    super('the claim of due ticks failed at its commit', { cause })
    this.runs = runs
  }
}

/**
 * Takes what is due in one transaction: a row for each tick and the next due time of its cronjob, both or neither. Any
 * number of servers may do so at once (FOR UPDATE SKIP LOCKED).
 *
 * @throws ClaimInDoubt when the error came after everything was written; else the database's own error: nothing happened
 */
export async function claimDue(db: Database, options: ClaimOptions): Promise<ClaimResult> {
  const batch = options.batch ?? CLAIM_BATCH
  let written: readonly ClaimedRun[] = []
  try {
    const result = await db.transaction().execute(async (trx): Promise<ClaimResult> => {
      // With few slots most runs wait: who carries them out later reads what they need.
      const { order, except, slots } = options
      const due = await lockDueCronjobs(trx, batch, { order, except, withSpec: slots >= batch })
      const full = due.cronjobs.length === batch
      if (full) options.onFull?.()
      const recorded =
        due.cronjobs.length > 0
          ? await recordTicks(trx, due, options, options.slots)
          : { ticks: 0, started: [], broken: [] }
      const next = full
        ? { nextDueInMs: 0, nextDueAt: new Date(due.now) }
        : await findNextDue(trx, options.except ?? [])
      written = recorded.started
      return { ...recorded, full, ...next }
    })
    if (result.ticks > 0) reach('run-inserted')
    return result
  } catch (error) {
    throw written.length > 0 ? new ClaimInDoubt(written, error) : error
  }
}

export type NextDue = Pick<ClaimResult, 'nextDueInMs' | 'nextDueAt'>

/** When the next tick is due, without claiming it. */
export async function findNextDue(db: Queryable, except: readonly string[]): Promise<NextDue> {
  const { rows } = await sql<{ at: Date | null; in_ms: number | null }>`
    select min(next_due_at) as at, extract(epoch from min(next_due_at) - panda_now())::float8 * 1000 as in_ms
    from cronjobs where next_due_at is not null ${notAmong(except)}`.execute(db)
  return { nextDueInMs: rows[0]?.in_ms ?? null, nextDueAt: rows[0]?.at ?? null }
}
