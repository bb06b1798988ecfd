import { describe, expect, it } from 'vitest'
import { previewOffline } from './preview-offline.ts'

const from = new Date('2026-03-27T12:00:00Z')
const request = { schedule: '30 2 * * *', timezone: 'Europe/Berlin', count: 3, from }

describe('previewOffline', () => {
  it('gives the next times, gaps marked, and words', () => {
    const preview = previewOffline(request)
    expect(preview.words).toBe('At 02:30')
    expect(preview.ticks).toEqual([
      { dueAt: '2026-03-28T01:30:00.000Z', local: '2026-03-28T02:30:00', note: null },
      { dueAt: '2026-03-29T01:00:00.000Z', local: '2026-03-29T02:30:00', note: 'dst-gap' },
      { dueAt: '2026-03-30T00:30:00.000Z', local: '2026-03-30T02:30:00', note: null },
    ])
  })

  it('marks the hour that comes twice', () => {
    const autumn = previewOffline({ ...request, count: 1, from: new Date('2026-10-24T12:00:00Z') })
    expect(autumn.ticks[0]).toMatchObject({ dueAt: '2026-10-25T00:30:00.000Z', note: 'dst-repeat' })
  })

  it.each([
    ['61 * * * *', 'UTC', 'invalid_schedule', 'minute'],
    ['', 'UTC', 'invalid_schedule', ''],
    ['0 0 30 2 *', 'UTC', 'invalid_schedule', 'never'],
    ['0 8 * * 1', 'Mars/Base', 'invalid_timezone', 'timezone'],
  ])('refuses %j in %s with the reason', (schedule, timezone, code, reason) => {
    try {
      previewOffline({ ...request, schedule, timezone })
    } catch (error) {
      expect(error).toMatchObject({ code, exitCode: 2 })
      expect((error as { fields: { why: string[] } }).fields.why.join(' ')).toContain(reason)
      return
    }
    throw new Error('it was accepted')
  })
})
