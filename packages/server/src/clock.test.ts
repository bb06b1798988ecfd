import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from './clock.ts'

afterEach(() => void vi.useRealTimers())

describe('systemClock', () => {
  it('measures spans whatever is done to the time of day', () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const before = systemClock.now()
    for (const shiftMs of [-3_600_000, 7_200_000]) {
      vi.setSystemTime(Date.now() + shiftMs)
      const spanMs = systemClock.now() - before
      expect(spanMs).toBeGreaterThanOrEqual(0)
      expect(spanMs).toBeLessThan(60_000)
    }
  })

  it('begins near the time of day', () => expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(60_000))

  it('sleeps no longer than its signal lets it, and never rejects', async () => {
    const stop = new AbortController()
    const slept = systemClock.sleep(3_600_000, stop.signal)
    stop.abort()
    await expect(slept).resolves.toBeUndefined()
    await expect(systemClock.sleep(3_600_000, stop.signal)).resolves.toBeUndefined()
  })
})
