import { describe, expect, it } from 'vitest'
import { restartDelayMs } from './restart-delay.ts'

describe('restartDelayMs', () => {
  it('doubles from a second to five minutes', () => {
    const delays = [1, 2, 3, 4, 9, 10, 100].map((crashes) => restartDelayMs(crashes, 0.5))
    expect(delays).toEqual([1000, 2000, 4000, 8000, 256_000, 300_000, 300_000])
  })

  it('is spread by a tenth', () => {
    expect([restartDelayMs(1, 0), restartDelayMs(1, 1)]).toEqual([900, 1100])
  })
})
