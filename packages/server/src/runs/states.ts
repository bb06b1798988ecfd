import type { RunState } from '@pandastack/contract'
import { type RawBuilder, sql } from 'kysely'

/**
 * The life of a run.
 *
 * - `scheduled`: the tick is recorded, its start waits for `available_at` (jitter). Crash: nothing is lost, any server goes on.
 * - `queued`: may start as soon as a server has a free slot and it is not `held` behind an earlier run. Crash: as above.
 * - `running`: belongs to one server, which alone may write with its fence. Crash of that server: another server on the
 *   same engine adopts it (fence + 1) and goes on with the container as it finds it; if the container never was, it is
 *   started under the same name; if it was and is gone, the attempt is lost. Back to `queued` only when the engine could
 *   not be asked to start it.
 * - `retrying`: an attempt ended badly, the next waits for `available_at`. Crash: nothing is lost.
 * - `succeeded`, `failed`, `cancelled`, `lost`: ended; the engine's verdict is recorded. Nothing leaves these states.
 * - `skipped`, `missed`: a tick that was never started, and why. Nothing leaves these states.
 *
 * Born as: `scheduled`, `queued`, `running` (claimed in the transaction that records the tick), `skipped`, `missed`.
 * Only the files of runs/transition/ change the state of a run that exists.
 */
export const TRANSITIONS: Readonly<Record<RunState, readonly RunState[]>> = {
  scheduled: ['running', 'cancelled', 'skipped'],
  queued: ['running', 'cancelled', 'skipped'],
  running: ['queued', 'retrying', 'succeeded', 'failed', 'cancelled', 'lost'],
  retrying: ['running', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
  lost: [],
  skipped: [],
  missed: [],
}

export const BIRTH_STATES = [
  'scheduled',
  'queued',
  'running',
  'skipped',
  'missed',
] as const satisfies readonly RunState[]

/** States of a run that waits for a server. */
export const WAITING_STATES = ['scheduled', 'queued', 'retrying'] as const satisfies readonly RunState[]
/** States of a run that has not ended: what the concurrency policies count. */
export const ACTIVE_STATES = ['scheduled', 'queued', 'running', 'retrying'] as const satisfies readonly RunState[]

/**
 * That a run has not ended, for statements that look at the runs of one cronjob. Written as the index
 * `runs_active_cronjob` has it, and no other one: the planner takes any index that fits for empty, as it mostly is, and
 * would look for waiting runs among all that run.
 */
export function isActive(alias: string): RawBuilder<boolean> {
  return sql<boolean>`(${sql.ref(`${alias}.state`)} || '') in ${stateList(ACTIVE_STATES)}`
}

export function mayMove(from: RunState, to: RunState): boolean {
  return TRANSITIONS[from].includes(to)
}

/** The states from which `to` can be reached, for the WHERE clause of an update. */
export function sourcesOf(to: RunState): RunState[] {
  return (Object.keys(TRANSITIONS) as RunState[]).filter((from) => mayMove(from, to))
}

/** `('queued', …)` as SQL text and not as a parameter: only so does the planner find the partial indexes. */
export function stateList(states: readonly RunState[]): RawBuilder<unknown> {
  return sql`(${sql.join(states.map((state) => sql.lit(state)))})`
}
