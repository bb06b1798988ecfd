import { describe, expect, it } from 'vitest'
import { assertFires, minIntervalMs, parseSchedule, ScheduleError } from './index.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

describe('assertFires', () => {
  it.each([
    ['0 0 30 2 *', 'can never fire: there is no such day in FEB'],
    ['0 0 30,31 2 *', 'can never fire: there is no such day in FEB'],
    ['0 0 31 4,6,9,11 *', 'can never fire: there is no such day in APR, JUN, SEP, NOV'],
    ['0 0 31W 2,4 *', 'can never fire: there is no such day in FEB, APR'],
    ['0 0 L-29 2 *', 'can never fire: there is no such day in FEB'],
    ['0 0 L-30 4 *', 'can never fire: there is no such day in APR'],
  ])('refuses %s', (expression, reason) => {
    const schedule = parseSchedule(expression)
    expect(() => assertFires(schedule)).toThrow(new ScheduleError('day-of-month', reason))
  })

  it.each([
    '0 0 29 2 *',
    '0 0 29W 2 *',
    '0 0 L-28 2 *',
    '0 0 * 2 5#5',
    '0 0 30 2 1',
    '0 0 31 4,5 *',
    '0 0 LW 2 *',
    '* * * * *',
  ])('lets %s pass', (expression) => {
    expect(() => assertFires(parseSchedule(expression))).not.toThrow()
  })
})

describe('minIntervalMs', () => {
  it.each([
    ['* * * * *', 'UTC', MINUTE_MS],
    ['*/10 * * * * *', 'UTC', 10_000],
    ['*/5 9-17 * * 1-5', 'America/New_York', 5 * MINUTE_MS],
    ['0,50 * * * *', 'UTC', 10 * MINUTE_MS],
    ['0 8 * * 1', 'UTC', 7 * 24 * HOUR_MS],
    ['0 8,20 * * *', 'UTC', 12 * HOUR_MS],
    ['0 0 1 1 *', 'UTC', 365 * 24 * HOUR_MS],
    ['0 0 29 2 *', 'UTC', 1461 * 24 * HOUR_MS],
    ['0 0 30 2 *', 'UTC', Infinity],
  ])('of %s in %s is %i', (expression, zone, expected) => {
    expect(minIntervalMs(parseSchedule(expression), zone, Date.parse('2026-01-01T00:00:00Z'))).toBe(expected)
  })

  it('sees the shorter day of a clock change', () => {
    const from = Date.parse('2026-03-01T00:00:00Z')
    expect(minIntervalMs(parseSchedule('0 8 * * *'), 'America/New_York', from)).toBe(23 * HOUR_MS)
  })
})
