import { describe, expect, it } from 'vitest'
import { assertTimeZone, nextTime, parseSchedule, ScheduleError } from './index.ts'

function refusal(name: string): ScheduleError {
  try {
    assertTimeZone(name)
  } catch (error) {
    if (error instanceof ScheduleError) return error
    throw error
  }
  throw new Error(`${name} was taken`)
}

describe('assertTimeZone', () => {
  it.each([
    ['UTC', 'UTC'],
    ['utc', 'UTC'],
    ['Etc/UTC', 'Etc/UTC'],
    ['GMT', 'GMT'],
    ['etc/gmt+5', 'Etc/GMT+5'],
    ['europe/berlin', 'Europe/Berlin'],
    ['EUROPE/BERLIN', 'Europe/Berlin'],
    ['America/Argentina/Buenos_Aires', 'America/Argentina/Buenos_Aires'],
    ['america/port-au-prince', 'America/Port-au-Prince'],
    // Links and renamed zones stay as the user knows them.
    ['asia/kolkata', 'Asia/Kolkata'],
    ['Asia/Calcutta', 'Asia/Calcutta'],
    ['Europe/Kyiv', 'Europe/Kyiv'],
    ['us/eastern', 'US/Eastern'],
  ])('%s is %s', (name, spelled) => {
    expect(assertTimeZone(name)).toBe(spelled)
  })

  it('takes every zone that Intl lists', () => {
    for (const name of Intl.supportedValuesOf('timeZone')) {
      expect(assertTimeZone(name)).toBe(name)
      expect(assertTimeZone(name.toLowerCase())).toBe(name)
    }
  })

  it.each([
    ['', 'is empty; give an IANA name such as Europe/Berlin, or UTC'],
    ['  ', 'is empty; give an IANA name such as Europe/Berlin, or UTC'],
    [
      '+02:00',
      '"+02:00" is an offset, which knows no daylight saving; give an IANA name such as Europe/Berlin, or Etc/GMT-2',
    ],
    ['GMT+2', 'or Etc/GMT-2 for that fixed offset'],
    ['UTC-5', 'or Etc/GMT+5 for that fixed offset'],
    ['+0530', '"+0530" is an offset'],
    ['-99:00', '"-99:00" is an offset'],
    ['Europe/Berln', 'did you mean Europe/Berlin?'],
    ['Europe/Belrin', 'did you mean Europe/Berlin?'],
    ['berlin', 'did you mean Europe/Berlin?'],
    ['new york', 'did you mean America/New_York?'],
    ['PST', 'did you mean America/Los_Angeles?'],
    ['Mars/Olympus', '"Mars/Olympus" is not a known time zone; give an IANA name'],
    ['Factory', 'is not a known time zone'],
    ['localtime', 'is not a known time zone'],
    ['Europe/Berlin\u0000', 'did you mean Europe/Berlin?'],
    ['__proto__', 'is not a known time zone'],
    ['x'.repeat(100_000), 'is not a known time zone'],
  ])('refuses %.40s', (name, reason) => {
    const error = refusal(name)
    expect(error.field).toBe('timezone')
    expect(error.message.startsWith('timezone: ')).toBe(true)
    expect(error.reason).toContain(reason)
    expect(error.reason.length).toBeLessThan(200)
  })

  it('holds for the evaluator as well', () => {
    const schedule = parseSchedule('0 8 * * *')
    for (const zone of ['', '+02:00', 'PST', 'Nowhere/Land'])
      expect(() => nextTime(schedule, zone, 0)).toThrow(ScheduleError)
    expect(nextTime(schedule, 'europe/berlin', 0)).toBe(nextTime(schedule, 'Europe/Berlin', 0))
  })

  it('refuses what is not a string', () => {
    const value: unknown = undefined
    expect(() => assertTimeZone(value as string)).toThrow(ScheduleError)
  })
})
