import { describe, expect, it } from 'vitest'
import { DAY_MS, daysFromCivil, formatLocal, monthLength, packedCivil, weekdayOf } from './civil.ts'

describe('the calendar in integers', () => {
  it('agrees with Date over its whole range', () => {
    for (let days = -100_000_000; days <= 100_000_000; days += 9973) {
      const date = new Date(days * DAY_MS)
      const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
      expect(packedCivil(days)).toBe((year * 12 + month - 1) * 32 + day)
      expect(daysFromCivil(year, month, day)).toBe(days)
      expect(weekdayOf(days)).toBe(date.getUTCDay())
    }
  })

  it('agrees with Date on every day of 1899 to 2105', () => {
    for (let days = daysFromCivil(1899, 1, 1); days < daysFromCivil(2105, 1, 1); days++) {
      const date = new Date(days * DAY_MS)
      expect(packedCivil(days)).toBe((date.getUTCFullYear() * 12 + date.getUTCMonth()) * 32 + date.getUTCDate())
    }
  })

  it.each([
    [2026, 2, 28],
    [2028, 2, 29],
    [2100, 2, 28],
    [2000, 2, 29],
    [2026, 4, 30],
    [2026, 12, 31],
  ])('month %i-%i has %i days', (year, month, length) => {
    expect(monthLength(year, month)).toBe(length)
  })

  it('writes wall-clock times as Date does', () => {
    for (const iso of [
      '2026-03-29T02:30:00',
      '1969-12-31T23:59:59',
      '0000-01-01T00:00:00',
      '-000001-12-31T12:00:00',
      '+012026-07-08T09:05:03',
    ]) {
      expect(formatLocal(Date.parse(`${iso}Z`))).toBe(iso)
    }
  })
})
