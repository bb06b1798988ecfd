import { ATTEMPT_OUTCOMES, retrySchema } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { nextState } from './next-state.ts'
import { mayMove } from './states.ts'

const retry = retrySchema.parse({ attempts: 3, backoff: { kind: 'fixed', delay: '5s', jitter: 0 } })
const next = (attempt: number, maxAttempts: number, lostAttempts: number, outcome: 'failed' | 'lost') =>
  nextState({ attempt, maxAttempts, lostAttempts }, outcome, retry, 0.5)
const again = { state: 'retrying', delayMs: 5000 }

describe('nextState', () => {
  it.each([
    [1, 3, 0, again],
    [2, 3, 0, again],
    [3, 3, 0, { state: 'failed' }],
    [1, 1, 0, { state: 'failed' }],
    [3, 3, 1, again], // a lost attempt has used up none
    [4, 3, 1, { state: 'failed' }],
    [5, 3, 2, { state: 'failed' }],
  ])('attempt %i of %i, %i lost, failed', (attempt, max, lost, expected) => {
    expect(next(attempt, max, lost, 'failed')).toEqual(expected)
  })

  it.each([
    [1, 1, 0, { state: 'lost' }], // no retries wanted: what may have run is not run again
    [1, 3, 0, again],
    [2, 3, 1, again],
    [3, 3, 2, { state: 'lost' }], // the third crash
  ])('attempt %i of %i, %i lost, lost', (attempt, max, lost, expected) => {
    expect(next(attempt, max, lost, 'lost')).toEqual(expected)
  })

  it('never repeats what succeeded or was cancelled', () => {
    const counts = { attempt: 1, maxAttempts: 9, lostAttempts: 0 }
    expect(nextState(counts, 'succeeded', retry, 0)).toEqual({ state: 'succeeded' })
    expect(nextState(counts, 'cancelled', retry, 0)).toEqual({ state: 'cancelled' })
  })

  it('only gives moves of the table', () => {
    for (const outcome of ATTEMPT_OUTCOMES)
      for (const attempt of [1, 2, 3])
        for (const lostAttempts of [0, 1, 2]) {
          const { state } = nextState({ attempt, maxAttempts: 2, lostAttempts }, outcome, retry, 0)
          expect(mayMove('running', state)).toBe(true)
        }
  })
})
