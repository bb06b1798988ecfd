import { previewSchema } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { previewSchedule } from './preview.ts'

const from = (text: string): Date => new Date(text)

describe('previewSchedule', () => {
  it('shows the next ticks in words, in UTC and on the wall clock', () => {
    const preview = previewSchedule({
      schedule: '0 8 * * 1',
      timezone: 'Europe/Berlin',
      count: 2,
      from: from('2026-06-01T06:00:00Z'),
    })
    expect(previewSchema.parse(preview)).toEqual(preview)
    expect(preview).toEqual({
      schedule: '0 8 * * 1',
      timezone: 'Europe/Berlin',
      words: 'At 08:00, only on Monday',
      ticks: [
        { dueAt: '2026-06-08T06:00:00.000Z', local: '2026-06-08T08:00:00+02:00', note: null },
        { dueAt: '2026-06-15T06:00:00.000Z', local: '2026-06-15T08:00:00+02:00', note: null },
      ],
      warnings: [],
    })
  })

  it('marks gaps and repeats of daylight saving', () => {
    const notes = (at: string): unknown =>
      previewSchedule({ schedule: '30 2 * * *', timezone: 'Europe/Berlin', count: 1, from: from(at) }).ticks[0]
    expect(notes('2026-03-28T12:00:00Z')).toEqual({
      dueAt: '2026-03-29T01:00:00.000Z',
      local: '2026-03-29T03:00:00+02:00',
      note: 'dst-gap',
    })
    expect(notes('2026-10-24T12:00:00Z')).toMatchObject({ dueAt: '2026-10-25T00:30:00.000Z', note: 'dst-repeat' })
  })

  it('warns of polling', () => {
    const preview = previewSchedule({ schedule: '* * * * *', timezone: 'UTC', count: 1, from: from('2026-06-01') })
    expect(preview.warnings.map((warning) => warning.code)).toEqual(['polling-schedule'])
  })

  it('refuses what create refuses', () => {
    const request = { count: 1, from: new Date(0) }
    expect(() => previewSchedule({ ...request, schedule: '0 0 30 2 *', timezone: 'UTC' })).toThrow(/never fire/)
    expect(() => previewSchedule({ ...request, schedule: '* * * * *', timezone: 'X/Y' })).toThrow(/timezone/)
  })
})
