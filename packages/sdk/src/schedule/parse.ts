import { quote, ScheduleError } from './error.ts'
import type { FieldSpec } from './fields.ts'
import { HOUR, MINUTE, MONTH, SECOND } from './fields.ts'
import { parseDays } from './parse-days.ts'
import { addPart, listOf } from './parse-field.ts'
import { CompiledSchedule } from './schedule.ts'
import type { Schedule } from './schedule.ts'

/** No real schedule comes near this; it bounds the parser's work. */
const MAX_EXPRESSION_LENGTH = 512

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

/**
 * Parses a cron expression: five fields (minute hour day-of-month month day-of-week), six with seconds first, or a
 * nickname such as `@daily`. Syntax only: whether it can ever fire is `assertFires`.
 *
 * @throws ScheduleError with the field and the reason; nothing else, whatever the input
 */
export function parseSchedule(expression: string): Schedule {
  if (typeof expression !== 'string') throw new ScheduleError('expression', 'must be a string')
  if (expression.length > MAX_EXPRESSION_LENGTH) {
    throw new ScheduleError('expression', `is longer than ${MAX_EXPRESSION_LENGTH} characters`)
  }
  const normal = expression.trim().replace(/\s+/g, ' ')
  refuseForeign(normal)
  const fields = (normal.startsWith('@') ? expandNickname(normal) : normal).split(' ')
  if (fields.length < 5 || fields.length > 6) throw new ScheduleError('expression', fieldCountReason(fields.length))
  const hasSeconds = fields.length === 6
  const [second = '', minute = '', hour = '', monthDay = '', month = '', weekday = ''] = hasSeconds
    ? fields
    : ['0', ...fields]
  const seconds = split(SECOND, second)
  const minutes = split(MINUTE, minute)
  const hours = split(HOUR, hour)
  // Checked in written order, so that the first wrong field is the one named.
  const days = parseDaysAround(monthDay, month, weekday)
  const fixedTime = !minute.startsWith('*') && !hour.startsWith('*')
  return new CompiledSchedule(normal, hasSeconds, fixedTime, {
    secondsLow: seconds[0],
    secondsHigh: seconds[1],
    minutesLow: minutes[0],
    minutesHigh: minutes[1],
    hours: hours[0],
    ...days,
  })
}

function parseDaysAround(monthDay: string, month: string, weekday: string) {
  parseDays(monthDay, '*')
  const months = split(MONTH, month)[0] >> 1
  return { months, ...parseDays(monthDay, weekday) }
}

/** The values of a field as two sets: bits 0-29, and 30-59 from bit 0. */
function split(spec: FieldSpec, text: string): [low: number, high: number] {
  const values = new Set<number>()
  for (const part of listOf(spec, text)) addPart(spec, part, values)
  let low = 0
  let high = 0
  for (const value of values) {
    if (value < 30) low |= 1 << value
    else high |= 1 << (value - 30)
  }
  return [low, high]
}

function expandNickname(text: string): string {
  const lower = text.toLowerCase()
  const known = Object.hasOwn(NICKNAMES, lower) ? NICKNAMES[lower] : undefined
  if (known !== undefined) return known
  if (lower.startsWith('@reboot')) {
    throw new ScheduleError(
      'expression',
      '"@reboot" has no time to run at; start a long-running app, or run the cronjob by hand',
    )
  }
  if (lower.startsWith('@every')) {
    throw new ScheduleError(
      'expression',
      '"@every" depends on when the server was started; write e.g. "*/5 * * * *" for every 5 minutes',
    )
  }
  throw new ScheduleError('expression', `${quote(text)} is not one of ${Object.keys(NICKNAMES).join(' ')}`)
}

/** Input that belongs to another tool or format, each with the way to say it here. */
function refuseForeign(text: string): void {
  if (text === '')
    throw new ScheduleError(
      'expression',
      'is empty; five fields are needed: minute hour day-of-month month day-of-week',
    )
  if (/^(CRON_)?TZ=/i.test(text)) {
    throw new ScheduleError('expression', 'a TZ= prefix is not taken; give the zone apart, with --timezone')
  }
  if (/^[+-]?\d{4,6}-\d{2}(-|$|\s|T)/.test(text)) {
    throw new ScheduleError('expression', `${quote(text)} is a date, not a repeating schedule`)
  }
}

function fieldCountReason(count: number): string {
  if (count === 7)
    return 'has 7 fields; a year field is not supported (at most 6: second minute hour day-of-month month day-of-week)'
  const fields = count === 1 ? '1 field' : `${count} fields`
  return `has ${fields}; 5 are needed (minute hour day-of-month month day-of-week), or 6 with seconds first`
}
