import { retrySchema } from '@pandastack/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from './backoff.ts'

const policy = (backoff: Record<string, unknown>) => retrySchema.parse({ attempts: 5, backoff })

describe('backoffMs', () => {
  it.each([
    [1, 10_000],
    [2, 20_000],
    [3, 40_000],
    [7, 600_000],
    [1000, 600_000],
  ])('doubles by default: after %i failures %i ms', (failures, expected) => {
    expect(backoffMs(policy({ jitter: 0 }), failures, 0.5)).toBe(expected)
  })
  it('stays the same when fixed', () => {
    const fixed = policy({ kind: 'fixed', delay: '3s', jitter: 0 })
    expect([1, 2, 9].map((failures) => backoffMs(fixed, failures, 0))).toEqual([3000, 3000, 3000])
  })
  it('is spread by its jitter', () => {
    const spread = policy({ kind: 'fixed', delay: '10s', jitter: 0.5 })
    expect([0, 0.5, 1].map((random) => backoffMs(spread, 1, random))).toEqual([5000, 10_000, 15_000])
  })
  it('is always a finite number of whole milliseconds within max and jitter', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (failures, jitter, random) => {
          const delay = backoffMs(policy({ jitter }), failures, random)
          expect(Number.isInteger(delay)).toBe(true)
          expect(delay).toBeGreaterThanOrEqual(0)
          expect(delay).toBeLessThanOrEqual(600_000 * 2)
        },
      ),
    )
  })
})
