import { parseSchedule } from '@pandastack/sdk/schedule'
import { describe, expect, it } from 'vitest'
import { readDueTicks } from './due-ticks.ts'

const everyMinute = parseSchedule('* * * * *')
const at = (text: string): number => Date.parse(text)

describe('readDueTicks', () => {
  it('begins with the stored due time itself and ends with now', () => {
    const page = readDueTicks(everyMinute, 'UTC', at('2026-06-01T12:00:00Z'), at('2026-06-01T12:02:00Z'), 100)
    expect(page.ticks.map((tick) => new Date(tick.at).toISOString().slice(11, 16))).toEqual(['12:00', '12:01', '12:02'])
    expect(page.next).toBe(at('2026-06-01T12:03:00Z'))
  })

  it('stops at the limit and tells where to go on', () => {
    const page = readDueTicks(everyMinute, 'UTC', at('2026-06-01T12:00:00Z'), at('2027-06-01T12:00:00Z'), 2)
    expect(page.ticks).toHaveLength(2)
    expect(page.next).toBe(at('2026-06-01T12:02:00Z'))
  })

  it('carries the notes of the clock changes', () => {
    const half3 = parseSchedule('30 2 * * *')
    const gap = readDueTicks(half3, 'Europe/Berlin', at('2026-03-29T01:00:00Z'), at('2026-03-29T12:00:00Z'), 9)
    expect(gap.ticks).toEqual([{ at: at('2026-03-29T01:00:00Z'), note: 'dst-gap' }])
    const fold = readDueTicks(half3, 'Europe/Berlin', at('2026-10-25T00:30:00Z'), at('2026-10-25T12:00:00Z'), 9)
    expect(fold.ticks).toEqual([{ at: at('2026-10-25T00:30:00Z'), note: 'dst-repeat' }])
  })

  it('does not fire at a stored time that the schedule does not name', () => {
    const hourly = parseSchedule('0 * * * *')
    const page = readDueTicks(hourly, 'UTC', at('2026-06-01T12:10:00Z'), at('2026-06-01T12:20:00Z'), 9)
    expect(page).toEqual({ ticks: [], next: at('2026-06-01T13:00:00Z') })
  })
})
