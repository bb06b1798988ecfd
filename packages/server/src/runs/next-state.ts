import type { AttemptOutcome, FinalRunState } from '@pandastack/contract'
import { backoffMs, type RetryPolicy } from './backoff.ts'

/** A run whose server died so often ends `lost`, however many attempts it has left (promise 4). */
export const MAX_LOST_ATTEMPTS = 3

export interface AttemptCounts {
  /** Number of the attempt that has just ended. */
  readonly attempt: number
  /** How many of them may fail in all. */
  readonly maxAttempts: number
  /** Attempts that were lost before this one. They use up none of `maxAttempts`. */
  readonly lostAttempts: number
}

export type NextState =
  | { readonly state: Extract<FinalRunState, AttemptOutcome> }
  | { readonly state: 'retrying'; readonly delayMs: number }

/** Where a run goes when an attempt has ended so. Pure. */
export function nextState(
  counts: AttemptCounts,
  outcome: AttemptOutcome,
  retry: RetryPolicy,
  random: number,
): NextState {
  if (outcome === 'failed' && counts.attempt - counts.lostAttempts < counts.maxAttempts) {
    return { state: 'retrying', delayMs: backoffMs(retry, counts.attempt, random) }
  }
  if (outcome === 'lost' && counts.maxAttempts > 1 && counts.lostAttempts + 1 < MAX_LOST_ATTEMPTS) {
    return { state: 'retrying', delayMs: backoffMs(retry, counts.attempt, random) }
  }
  return { state: outcome }
}
