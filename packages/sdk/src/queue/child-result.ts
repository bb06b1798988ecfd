import type { ChildOutcome } from './flow-driver.ts'

/** What a child of a job came to. */
export interface ChildResult {
  readonly queue: string
  readonly id: string
  readonly state: 'succeeded' | 'cancelled' | 'dead'
  /** What its handler returned. */
  readonly value: unknown
}

export function childResult(outcome: ChildOutcome): ChildResult {
  const value: unknown = outcome.value === null ? undefined : JSON.parse(outcome.value)
  return { queue: outcome.queue, id: outcome.childId, state: outcome.state, value }
}
