import fc from 'fast-check'
import { expect, test } from 'vitest'
import { holdMs, nextRung, rungsMs } from './ladder.ts'

test('at most 12 delay queues for everybody', () => {
  expect(rungsMs.length).toBeLessThanOrEqual(12)
})

test.each([
  [99, null],
  [100, 100],
  [1_000, 1_000],
  [2_950, 3_000],
  [2_000, 1_000],
  [604_800_000, 86_400_000],
])('%i ms left: %s', (left, rung) => {
  expect(nextRung(left)).toBe(rung)
})

test('any delay up to 30 days ends after few hops, never early, late by at most 2 %', () => {
  const belowADay = rungsMs
    .slice(0, -1)
    .reduce((sum, rung, at) => sum + Math.ceil((rungsMs[at + 1] ?? 0) / rung) - 1, 0)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 * 86_400_000 }), (delay) => {
      let left = delay
      let hops = 0
      for (let rung = nextRung(left); rung !== null; rung = nextRung(left)) {
        left -= rung
        hops += 1
      }
      // What is left is waited for in the consumer; what is negative is lateness.
      expect(left).toBeLessThan(holdMs)
      expect(-left).toBeLessThanOrEqual(delay * 0.02)
      // A day at a time, and then each rung below at most as often as it fits into the next one.
      expect(hops).toBeLessThanOrEqual(30 + belowADay)
    }),
  )
})
