import { PandaError } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { assertSchedule, firstTickAfter } from './check-schedule.ts'

function refusalOf(schedule: string, timezone = 'UTC', path?: string): PandaError {
  try {
    assertSchedule({ schedule, timezone }, path)
  } catch (error) {
    if (error instanceof PandaError) return error
    throw error
  }
  throw new Error(`${schedule} was accepted`)
}

describe('assertSchedule', () => {
  it('names the field and the reason', () => {
    const error = refusalOf('61 * * * *')
    expect(error.code).toBe('invalid_schedule')
    expect(error.status).toBe(400)
    expect(error.message).toContain('"61 * * * *"')
    expect(error.errors).toMatchObject([{ path: 'schedule' }])
    expect(error.errors[0]?.message).toMatch(/^minute: /)
    expect(error.hint).toContain('panda cronjob preview')
  })

  it.each([
    ['30 February', '0 0 30 2 *', /never fire/],
    ['too few fields', '* * *', /3 fields/],
    ['@reboot', '@reboot', /@reboot/],
    ['a zone inside', 'TZ=Europe/Berlin 0 8 * * *', /--timezone/],
  ])('refuses %s', (_, schedule, reason) => {
    expect(refusalOf(schedule)).toMatchObject({ code: 'invalid_schedule' })
    expect(refusalOf(schedule).message).toMatch(reason)
  })

  it('refuses a zone that does not exist', () => {
    const error = refusalOf('0 8 * * 1', 'Europe/Atlantis')
    expect(error).toMatchObject({ code: 'invalid_timezone', errors: [{ path: 'timezone' }] })
    expect(error.message).toContain('Europe/Atlantis')
  })

  it('says which part of a manifest is meant, and keeps long input short', () => {
    expect(refusalOf('x', 'UTC', 'cronjobs.digest').errors[0]?.path).toBe('cronjobs.digest.schedule')
    expect(refusalOf('9'.repeat(200)).message.length).toBeLessThan(200)
  })

  it('accepts what the evaluator accepts', () => {
    expect(assertSchedule({ schedule: '@daily', timezone: 'America/New_York' }).fixedTime).toBe(true)
  })
})

describe('firstTickAfter', () => {
  it('is the first one after, never the present one', () => {
    const noon = Date.parse('2026-06-01T12:00:00Z')
    const input = { schedule: '0 * * * *', timezone: 'UTC' }
    expect(firstTickAfter(input, noon).toISOString()).toBe('2026-06-01T13:00:00.000Z')
    expect(firstTickAfter(input, noon - 1).toISOString()).toBe('2026-06-01T12:00:00.000Z')
  })
})
