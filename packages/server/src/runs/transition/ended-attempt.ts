import type { AttemptOutcome, Reason, RunState } from '@pandastack/contract'
import type { NextState } from '../next-state.ts'
import type { Fenced } from './fenced.ts'

/** How an attempt ended, with the sentence for people. */
export interface Verdict {
  readonly outcome: AttemptOutcome
  readonly reason: Reason | null
  readonly message: string | null
  readonly exitCode: number | null
}

export interface EndedAttempt extends Fenced {
  readonly projectId: string
  readonly cronjobId: string
  readonly verdict: Verdict
  readonly next: NextState
  /** The engine's own time, when the end is learnt of late (adoption); null = now. */
  readonly finishedAt: Date | null
}

export interface MovedRun {
  readonly id: string
  readonly project_id: string
  readonly cronjob_id: string
  readonly state: RunState
}
