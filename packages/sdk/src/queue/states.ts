/**
 * The life of a job. `queued` waits for a worker; `scheduled` waits for its time, or for its children; `retrying` waits
 * for its next attempt; `running` belongs to one worker under one fence. The others are final: `succeeded`, `cancelled`,
 * and `dead` (a dead letter: it will not be tried again by itself, but can be redriven).
 *
 * What a crash of the worker does: `running` goes back to `queued`, before all others, with one crash more, or to `dead`
 * when that was its third. A `scheduled` one that waits for its children is `dead` with the first of them that did not
 * succeed. No other state belongs to a process, so no other state notices a crash.
 */
export const JOB_STATES = ['scheduled', 'queued', 'running', 'retrying', 'succeeded', 'cancelled', 'dead'] as const
export type JobState = (typeof JOB_STATES)[number]

/** Every change of state there is; the drivers make no other. Tested against every driver by the contract suite. */
export const JOB_TRANSITIONS: Readonly<Record<JobState, readonly JobState[]>> = {
  scheduled: ['queued', 'cancelled', 'dead'],
  queued: ['running', 'cancelled'],
  running: ['succeeded', 'retrying', 'queued', 'cancelled', 'dead'],
  retrying: ['queued', 'cancelled'],
  succeeded: ['queued'],
  cancelled: ['queued'],
  dead: ['queued'],
}

export const FINAL_JOB_STATES = ['succeeded', 'cancelled', 'dead'] as const
export type FinalJobState = (typeof FINAL_JOB_STATES)[number]

export function isFinalJobState(state: JobState): state is FinalJobState {
  return (FINAL_JOB_STATES as readonly JobState[]).includes(state)
}

/** Why a job is a dead letter. `attempts`: it failed as often as it may; `final`: its handler said that a retry is of no use; `crashes`: three workers died with it; `payload`: its data does not fit the schema; `child`: a child of it did not succeed. */
export const DEAD_REASONS = ['attempts', 'final', 'crashes', 'payload', 'child'] as const
export type DeadReason = (typeof DEAD_REASONS)[number]

/** A job that was running when so many of its workers died is a dead letter. */
export const MAX_CRASHES = 3
