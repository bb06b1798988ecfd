import { describe, expect, it } from 'vitest'
import { elapsed, inZone, relative } from './time.ts'

const now = new Date('2026-05-01T12:00:00Z')
const after = (ms: number) => new Date(now.getTime() + ms)

describe('relative', () => {
  it.each([
    [0, 'now'],
    [999, 'now'],
    [1000, 'in 1 s'],
    [59_999, 'in 59 s'],
    [60_000, 'in 1 min'],
    [3_600_000 * 25, 'in 1 d'],
    [-90_000, '1 min ago'],
    [-3_600_000 * 5, '5 h ago'],
  ])('%i ms is %s', (ms, text) => expect(relative(after(ms), now)).toBe(text))
})

describe('elapsed', () => {
  it.each([
    [null, '-'],
    [0, '0ms'],
    [999, '999ms'],
    [1000, '1.0s'],
    [59_949, '59.9s'],
    [59_950, '1m00s'],
    [200_000, '3m20s'],
    [3_600_000, '1h00m'],
    [7_500_000, '2h05m'],
  ])('%s ms is %s', (ms, text) => expect(elapsed(ms)).toBe(text))
})

describe('inZone', () => {
  it('shows the wall clock of the zone', () => {
    expect(inZone('2026-11-30T07:00:00Z', 'Europe/Berlin')).toBe('Mon 2026-11-30 08:00 Europe/Berlin')
    expect(inZone('2026-05-01T00:00:00Z', 'America/New_York')).toBe('Thu 2026-04-30 20:00 America/New_York')
  })
  it('shows midnight as 00 and seconds when there are some', () => {
    expect(inZone('2026-05-01T00:00:05Z', 'UTC')).toBe('Fri 2026-05-01 00:00:05 UTC')
  })
})
