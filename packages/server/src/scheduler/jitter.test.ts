import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jitterOf } from './jitter.ts'

describe('jitterOf', () => {
  it('is none without jitter', () => {
    expect(jitterOf('cj_1', 1_700_000_000_000, 0)).toBe(0)
  })

  it('stays within its bound and gives every server the same', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.integer({ min: 1, max: 86_400_000 }), (id, due, jitter) => {
        const offset = jitterOf(id, due, jitter)
        expect(offset).toBe(jitterOf(id, due, jitter))
        expect(offset).toBeGreaterThanOrEqual(0)
        expect(offset).toBeLessThan(jitter)
      }),
    )
  })

  it('spreads cronjobs of one due time, and due times of one cronjob, over all of the span', () => {
    const tenths = (offsets: number[]): number[] => {
      const counts = Array<number>(10).fill(0)
      for (const offset of offsets) counts[Math.floor(offset / 100)] = (counts[Math.floor(offset / 100)] ?? 0) + 1
      return counts
    }
    const byCronjob = Array.from({ length: 10_000 }, (_, n) => jitterOf(`cj_${n}`, 1_700_000_000_000, 1000))
    const byTime = Array.from({ length: 10_000 }, (_, n) => jitterOf('cj_1', 1_700_000_000_000 + n * 60_000, 1000))
    for (const counts of [tenths(byCronjob), tenths(byTime)]) {
      expect(Math.min(...counts)).toBeGreaterThan(850)
      expect(Math.max(...counts)).toBeLessThan(1150)
    }
  })
})
