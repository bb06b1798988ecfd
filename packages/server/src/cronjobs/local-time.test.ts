import { describe, expect, it } from 'vitest'
import { formatLocalTime } from './local-time.ts'

describe('formatLocalTime', () => {
  it.each([
    ['2026-01-02T03:04:05Z', 'UTC', '2026-01-02T03:04:05+00:00'],
    ['2026-03-29T01:00:00Z', 'Europe/Berlin', '2026-03-29T03:00:00+02:00'],
    ['2026-03-29T00:59:59Z', 'Europe/Berlin', '2026-03-29T01:59:59+01:00'],
    ['2026-06-01T00:00:00Z', 'America/New_York', '2026-05-31T20:00:00-04:00'],
    ['2026-06-01T00:00:00Z', 'Asia/Kathmandu', '2026-06-01T05:45:00+05:45'],
    ['2026-06-01T04:00:00Z', 'America/New_York', '2026-06-01T00:00:00-04:00'],
  ])('%s in %s', (at, zone, text) => {
    expect(formatLocalTime(new Date(at), zone)).toBe(text)
    expect(new Date(text)).toEqual(new Date(at))
  })

  it('refuses an unknown zone', () => {
    expect(() => formatLocalTime(new Date(0), 'Mars/Olympus')).toThrow(RangeError)
  })
})
