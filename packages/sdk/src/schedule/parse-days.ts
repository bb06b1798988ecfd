import { quote, ScheduleError } from './error.ts'
import { DAY_OF_MONTH, DAY_OF_WEEK } from './fields.ts'
import type { FieldSpec } from './fields.ts'
import { addPart, listOf, valueOf } from './parse-field.ts'
import type { SpecialDays } from './schedule.ts'

/** The two day fields and what their L, W and # members add. */
export interface DayFields {
  readonly monthDays: number | null
  readonly weekdays: number | null
  readonly special: SpecialDays | null
}

interface SpecialDraft {
  fromEnd: number
  lastWorkday: boolean
  nearest: number
  lastWeekdays: number
  nthWeekdays: number[]
}

/** @throws ScheduleError */
export function parseDays(monthDayText: string, weekdayText: string): DayFields {
  const draft: SpecialDraft = {
    fromEnd: 0,
    lastWorkday: false,
    nearest: 0,
    lastWeekdays: 0,
    nthWeekdays: [0, 0, 0, 0, 0],
  }
  const monthDays = new Set<number>()
  const weekdays = new Set<number>()
  let special = false
  for (const part of membersOf(DAY_OF_MONTH, monthDayText)) {
    if (addSpecialMonthDay(part, draft)) special = true
    else addPart(DAY_OF_MONTH, part, monthDays)
  }
  for (const part of membersOf(DAY_OF_WEEK, weekdayText)) {
    if (addSpecialWeekday(part, draft)) special = true
    else addPart(DAY_OF_WEEK, part, weekdays)
  }
  return {
    monthDays: isAny(monthDayText) ? null : bits(monthDays, 1),
    weekdays: isAny(weekdayText) ? null : bits(weekdays, 0),
    special: special ? draft : null,
  }
}

/** `?` is Quartz's `*`; people bring it along. */
function membersOf(spec: FieldSpec, text: string): string[] {
  return text === '?' ? ['*'] : listOf(spec, text)
}

/**
 * Whether the field leaves the choice to the other day field. As robfig/cron (and so Kubernetes) has it: a bare `*`
 * or `* / 1` does, wherever it stands in the list; a wider step (`* / 2`) restricts, and so does `1-31`.
 */
function isAny(text: string): boolean {
  return text === '?' || text.split(',').some((part) => /^\*(\/0*1)?$/.test(part))
}

function addSpecialMonthDay(part: string, draft: SpecialDraft): boolean {
  if (/^L$/i.test(part)) draft.fromEnd |= 1
  else if (/^(LW|WL)$/i.test(part)) draft.lastWorkday = true
  else if (/^L-\d+$/i.test(part)) draft.fromEnd |= 1 << fromEndOf(part)
  else if (/^\d+W$/i.test(part)) draft.nearest |= 1 << (valueOf(DAY_OF_MONTH, part.slice(0, -1), part) - 1)
  else return refuseSpecialMonthDay(part)
  return true
}

function fromEndOf(part: string): number {
  const days = Number(part.slice(2))
  if (days >= 1 && days <= 30) return days
  throw new ScheduleError('day-of-month', `${quote(part)}: the number of days before the last one must be 1-30`)
}

/** Always false (not special) or throws: near misses of L and W that deserve their own words. */
function refuseSpecialMonthDay(part: string): boolean {
  if (/^\d+L$/i.test(part)) {
    throw new ScheduleError('day-of-month', `${quote(part)} belongs to day-of-week; the last day of the month is "L"`)
  }
  if (/^W$/i.test(part))
    throw new ScheduleError('day-of-month', `"W" needs a day: "15W", or "LW" for the last working day`)
  if (/^L-\d+W$|-\d+W$|W\//i.test(part)) {
    throw new ScheduleError('day-of-month', `"W" goes with one day ("15W", "LW"), not with ${quote(part)}`)
  }
  if (part.includes('#')) throw new ScheduleError('day-of-month', `"#" belongs to day-of-week`)
  return false
}

function addSpecialWeekday(part: string, draft: SpecialDraft): boolean {
  const nth = /^([^#]+)#([^#]+)$/.exec(part)
  if (nth?.[1] !== undefined && nth[2] !== undefined) {
    const weekday = valueOf(DAY_OF_WEEK, nth[1], part) % 7
    const index = /^[1-5]$/.test(nth[2]) ? Number(nth[2]) - 1 : -1
    if (index < 0) throw new ScheduleError('day-of-week', `${quote(part)}: the occurrence after "#" must be 1-5`)
    draft.nthWeekdays[index] = (draft.nthWeekdays[index] ?? 0) | (1 << weekday)
    return true
  }
  if (/^L$/i.test(part)) {
    throw new ScheduleError(
      'day-of-week',
      `"L" needs a weekday ("5L" or "friL" is the last Friday); the last day of the month is "L" in day-of-month`,
    )
  }
  if (/^([0-9]+|[a-z]{3})L$/i.test(part)) {
    draft.lastWeekdays |= 1 << (valueOf(DAY_OF_WEEK, part.slice(0, -1), part) % 7)
    return true
  }
  return false
}

function bits(values: ReadonlySet<number>, base: number): number {
  let mask = 0
  for (const value of values) mask |= 1 << (value - base)
  return mask
}
