import { describe, expect, it } from 'vitest'
import { parseSchedule, ScheduleError } from './index.ts'

function refusal(expression: string): ScheduleError {
  try {
    parseSchedule(expression)
  } catch (error) {
    if (error instanceof ScheduleError) return error
    throw error
  }
  throw new Error(`${expression} was taken`)
}

describe('parseSchedule', () => {
  it.each([
    ['* * * * *', false, false],
    ['*/5 9-17 * * MON-fri', false, false],
    ['0 8 * * 1', false, true],
    ['0-30/10 8 * * 1', false, true],
    ['0 */2 * * *', false, false],
    ['5,*/15 1 * * *', false, true],
    ['* 0 0 1 1 *', true, true],
    ['0 0 LW,L-3,15W,1-5/2,l jan-DEC/3,7 0-7,5L,friL,3#5,TUE#1', false, true],
    ['  0   8\t* * 1 ', false, true],
    ['@Hourly', false, false],
    ['@DAILY', false, true],
    ['00 08 01 01 07', false, true],
  ])('takes %s', (expression, hasSeconds, fixedTime) => {
    const schedule = parseSchedule(expression)
    expect(schedule).toMatchObject({ hasSeconds, fixedTime })
    expect(schedule.expression).toBe(expression.trim().replace(/\s+/g, ' '))
    expect(Object.isFrozen(schedule)).toBe(true)
  })

  it.each([
    ['60 * * * *', 'minute', '60 is out of range 0-59'],
    ['60 * * * * *', 'second', '60 is out of range 0-59'],
    ['* 24 * * *', 'hour', '24 is out of range 0-23'],
    ['* * 0 * *', 'day-of-month', '0 is out of range 1-31'],
    ['* * 32 * *', 'day-of-month', '32 is out of range 1-31'],
    ['* * 32W * *', 'day-of-month', '32 is out of range 1-31'],
    ['* * * 0 *', 'month', '0 is out of range 1-12'],
    ['* * * 13 *', 'month', '13 is out of range 1-12'],
    ['* * * * 8', 'day-of-week', '8 is out of range 0-7'],
    ['* * * * 8#2', 'day-of-week', '8 is out of range 0-7'],
    ['99999999999999999999 * * * *', 'minute', '999999999999 is out of range 0-59'],
    ['*/0 * * * *', 'minute', 'the step in "*/0" must be at least 1'],
    ['*/61 * * * *', 'minute', 'the step in "*/61" is larger than the range (60 values)'],
    ['* 0-5/25 * * *', 'hour', 'the step in "0-5/25" is larger than the range (24 values)'],
    ['*/x * * * *', 'minute', 'the step in "*/x" is not a whole number'],
    ['5/15 * * * *', 'minute', 'a step needs a range: write 5-59/15 instead of "5/15"'],
    ['* * * * 1/2', 'day-of-week', 'a step needs a range: write 1-6/2 instead of "1/2"'],
    ['* 22-2 * * *', 'hour', 'the range "22-2" runs backwards: write 22-23,0-2'],
    ['* 23-0 * * *', 'hour', 'the range "23-0" runs backwards: write 23,0'],
    ['* * * * fri-mon', 'day-of-week', 'the range "fri-mon" runs backwards: write 5-6,0-1'],
    ['* * * * fri-sun', 'day-of-week', 'the range "fri-sun" runs backwards: write 5-7'],
    ['* * * nov-feb *', 'month', 'the range "nov-feb" runs backwards: write 11-12,1-2'],
    ['1,,2 * * * *', 'minute', '"1,,2" has an empty list member'],
    ['1, * * * *', 'minute', '"1," has an empty list member'],
    ['0x10 * * * *', 'minute', '"0x10" is not a decimal number'],
    ['1e1 * * * *', 'minute', '"1e1" is not a decimal number'],
    ['1.5 * * * *', 'minute', '"1.5" is not a whole number'],
    ['-5 * * * *', 'minute', '"-5" has a sign; write the plain number'],
    ['1- * * * *', 'minute', 'a value is missing in "1-"'],
    ['/5 * * * *', 'minute', 'a value is missing in "/5"'],
    ['** * * * *', 'minute', '"**" is not a number'],
    ['a b c d e', 'minute', '"a" is not a number'],
    ['? * * * *', 'minute', '"?" is taken only alone and only in day-of-month and day-of-week; write "*"'],
    ['* * ?,5 * *', 'day-of-month', '"?" is taken only alone and only in day-of-month and day-of-week; write "*"'],
    ['H * * * *', 'minute', '"H" (spread by hash) is not supported; give a number and a jitter'],
    ['L * * * *', 'minute', '"L" is not possible in this field'],
    ['* 15W * * *', 'hour', '"15W" is not possible in this field'],
    ['* * 5L * *', 'day-of-month', '"5L" belongs to day-of-week; the last day of the month is "L"'],
    ['* * W * *', 'day-of-month', '"W" needs a day: "15W", or "LW" for the last working day'],
    ['* * 1-15W * *', 'day-of-month', '"W" goes with one day ("15W", "LW"), not with "1-15W"'],
    ['* * L-3W * *', 'day-of-month', '"W" goes with one day ("15W", "LW"), not with "L-3W"'],
    ['* * L-31 * *', 'day-of-month', '"L-31": the number of days before the last one must be 1-30'],
    ['* * L-0 * *', 'day-of-month', '"L-0": the number of days before the last one must be 1-30'],
    ['* * 5#2 * *', 'day-of-month', '"#" belongs to day-of-week'],
    ['* * * * 5#6', 'day-of-week', '"5#6": the occurrence after "#" must be 1-5'],
    ['* * * * 5#0', 'day-of-week', '"5#0": the occurrence after "#" must be 1-5'],
    ['* * * * 15W', 'day-of-week', '"15W" is not possible in this field'],
    ['* * * * monday', 'day-of-week', '"monday" is not a name here; write MON'],
    ['* * * FOO *', 'month', '"FOO" is not a number or one of JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'],
  ])('refuses %s: %s', (expression, field, reason) => {
    const error = refusal(expression)
    expect(error).toMatchObject({ name: 'ScheduleError', field, reason, message: `${field}: ${reason}` })
  })

  it.each([
    ['', 'is empty'],
    [' \n ', 'is empty'],
    ['*', 'has 1 field;'],
    ['* * * *', 'has 4 fields;'],
    ['0 0 1 1 * 2027 *', 'has 7 fields; a year field is not supported'],
    ['* * * * * * * *', 'has 8 fields;'],
    ['@reboot', '"@reboot" has no time to run at'],
    ['@every 5m', '"@every" depends on when the server was started; write e.g. "*/5 * * * *"'],
    ['@fortnightly', '"@fortnightly" is not one of @yearly @annually'],
    ['@__proto__', 'is not one of'],
    ['@daily x', '"@daily x" is not one of'],
    ['TZ=Europe/Berlin 0 8 * * *', 'give the zone apart, with --timezone'],
    ['CRON_TZ=UTC 0 8 * * *', 'give the zone apart, with --timezone'],
    ['2024-02-30', '"2024-02-30" is a date, not a repeating schedule'],
    ['2024-02-30T10:00:00Z', 'is a date, not a repeating schedule'],
    [`${'1,'.repeat(300)}1 * * * *`, 'is longer than 512 characters'],
  ])('refuses %j as a whole: %s', (expression, reason) => {
    const error = refusal(expression)
    expect(error.field).toBe('expression')
    expect(error.reason).toContain(reason)
  })

  it('names the first wrong field in written order', () => {
    expect(refusal('* * 32 13 8').field).toBe('day-of-month')
    expect(refusal('* * 1 13 8').field).toBe('month')
    expect(refusal('* * 1 1 8').field).toBe('day-of-week')
  })

  it('keeps a message short whatever was typed', () => {
    expect(refusal(`${'x'.repeat(400)} * * * *`).message.length).toBeLessThan(100)
  })

  it('refuses what is not a string', () => {
    const values: unknown[] = [null, undefined, 5, {}, ['* * * * *']]
    for (const value of values) expect(() => parseSchedule(value as string)).toThrow(ScheduleError)
  })
})
