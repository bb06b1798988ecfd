import { sql } from 'kysely'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { Queryable } from '../store/database.ts'
import { cancelActiveRuns, countActiveRuns } from './active-runs.ts'
import type { DueCronjobs } from './due-cronjobs.ts'
import { type BrokenSchedule, planBatch, type PlannedRun } from './plan-batch.ts'
import { insertRuns, moveNextDue, noteTickEvents, type Owner } from './write-ticks.ts'

export interface RecordedTicks {
  /** Rows that are new. */
  readonly ticks: number
  /** Those of them that are born `running` and belong to the owner given. */
  readonly started: readonly ClaimedRun[]
  readonly broken: readonly BrokenSchedule[]
}

/**
 * Gives each due tick of the locked cronjobs its row and moves their next due time, inside the caller's transaction.
 *
 * @param owner takes up to `slots` of the runs, the longest due first; the others are born `queued`
 */
export async function recordTicks(
  trx: Queryable,
  due: DueCronjobs,
  owner: Owner | null,
  slots: number,
): Promise<RecordedTicks> {
  const watching = due.cronjobs.filter((cronjob) => cronjob.concurrency !== 'allow').map((cronjob) => cronjob.id)
  const plan = await planBatch(due, await countActiveRuns(trx, watching))
  const running = chooseRunning(plan.runs, owner === null ? 0 : slots, due.now)
  // Before the insert: what is born now must not be cancelled with what was active.
  await cancelActiveRuns(trx, plan.replaced, 'replaced')
  const fresh = await insertRuns(trx, plan.runs, running, owner)
  await moveNextDue(trx, plan.next)
  const born = fresh.size === plan.runs.length ? plan.runs : plan.runs.filter((run) => fresh.has(run.id))
  await noteTickEvents(trx, born)
  const waits = born.some((run) => run.birth.state === 'queued' && !running.has(run.id))
  if (waits) await sql`select pg_notify('panda_runs', '')`.execute(trx)
  return {
    ticks: born.length,
    started: born.filter((run) => running.has(run.id)).map(toClaimedRun),
    broken: plan.broken,
  }
}

/** The longest due first, so that a small server does not let the old ones wait behind the new. */
function chooseRunning(runs: readonly PlannedRun[], slots: number, now: number): ReadonlySet<string> {
  if (slots <= 0) return new Set()
  const ready = runs.filter(({ birth }) => birth.state === 'queued' && !birth.held && birth.availableAt <= now)
  if (ready.length > slots) ready.sort((a, b) => a.birth.dueAt - b.birth.dueAt)
  return new Set(ready.slice(0, slots).map((run) => run.id))
}

function toClaimedRun({ id, cronjob, birth }: PlannedRun): ClaimedRun {
  return {
    id,
    projectId: cronjob.projectId,
    cronjobId: cronjob.id,
    revision: cronjob.revision,
    attempt: 1,
    fence: 1,
    trigger: birth.trigger,
    dueAt: new Date(birth.dueAt),
    ...(cronjob.spec !== null && {
      born: { cronjob: cronjob.name, spec: cronjob.spec, maxAttempts: cronjob.maxAttempts },
    }),
  }
}
