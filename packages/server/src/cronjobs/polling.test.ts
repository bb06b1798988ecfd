import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PastRun, pollingHistoryWarning, pollingScheduleWarning, usualIntervalMs } from './polling.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')
const MINUTE = 60_000

function warns(schedule: string): boolean {
  return pollingScheduleWarning({ schedule, timezone: 'Europe/Berlin' }, NOW) !== null
}

/** So many runs, the newest first. */
function history(count: number, everyMs: number, durationMs: number): PastRun[] {
  return Array.from({ length: count }, (_, n) => ({ dueAt: new Date(NOW - n * everyMs), durationMs }))
}

describe('the warning from the schedule', () => {
  it.each(['* * * * *', '*/5 * * * *', '*/30 * * * * *', '*/5 9-17 * * 1-5', '0,1,2,3,4 * * * *'])('%s polls', (s) => {
    expect(warns(s)).toBe(true)
  })

  it.each(['*/6 * * * *', '0 * * * *', '0 8 * * 1', '0,1 8 * * *', '0 0 29 2 *'])('%s does not', (s) => {
    expect(warns(s)).toBe(false)
  })

  it('names the interval and the patterns that fit', () => {
    const warning = pollingScheduleWarning({ schedule: '*/2 * * * *', timezone: 'UTC' }, NOW)
    expect(warning).toMatchObject({ code: 'polling-schedule' })
    expect(warning?.message).toContain('every 2m')
    expect(warning?.hint).toMatch(/queue.*worker.*event/s)
  })

  it('stops looking early only when the answer is sure', () => {
    const numbers = (max: number) =>
      fc.uniqueArray(fc.integer({ min: 0, max }), { minLength: 1, maxLength: 30 }).map((list) => list.join(','))
    const field = (max: number) => fc.oneof(fc.constant('*'), numbers(max))
    fc.assert(
      fc.property(field(59), field(23), fc.integer({ min: 1, max: 90 }), (minutes, hours, limit) => {
        const input = { schedule: `${minutes} ${hours} * * *`, timezone: 'UTC' }
        const whole = usualIntervalMs(input, NOW)
        const early = usualIntervalMs(input, NOW, limit * MINUTE)
        expect(early).toBe(early === Infinity && whole > limit * MINUTE ? Infinity : whole)
      }),
    )
  })

  it('takes the usual interval of a schedule that pauses at night', () => {
    expect(usualIntervalMs({ schedule: '*/10 9-17 * * *', timezone: 'UTC' }, NOW)).toBe(10 * MINUTE)
  })
})

describe('the warning from the history', () => {
  it('needs enough runs, often and nearly all short', () => {
    expect(pollingHistoryWarning(history(20, MINUTE, 900))?.code).toBe('polling-history')
    expect(pollingHistoryWarning(history(19, MINUTE, 900))).toBeNull()
    expect(pollingHistoryWarning(history(20, 6 * MINUTE, 900))).toBeNull()
    expect(pollingHistoryWarning(history(20, MINUTE, 5000))).toBeNull()
  })

  it('allows one long run in ten', () => {
    const runs = (long: number): PastRun[] => [
      ...history(100 - long, MINUTE, 900),
      ...history(long, MINUTE, 60_000).map((run) => ({ ...run, dueAt: new Date(run.dueAt.getTime() - 100 * MINUTE) })),
    ]
    expect(pollingHistoryWarning(runs(10))?.message).toContain('90 of its last 100 runs')
    expect(pollingHistoryWarning(runs(11))).toBeNull()
  })

  it('does not count runs that never started', () => {
    const failed = history(30, MINUTE, 900).map((run) => ({ ...run, durationMs: null }))
    expect(pollingHistoryWarning(failed)).toBeNull()
  })
})
