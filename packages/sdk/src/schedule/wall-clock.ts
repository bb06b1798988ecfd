import { DAY_MS, daysFromCivil, packedCivil, SECOND_MS } from './civil.ts'
import { dayMask } from './days.ts'
import type { Tables } from './schedule.ts'

/** Rarest schedule there is: 29 February on one weekday, 40 years apart across 2100. */
const HORIZON_MONTHS = 100 * 12

/** "There is none" as a number, so that the hot path needs no object and comparisons just work. */
export const NEVER = Infinity

/**
 * The first matching wall-clock time at or after `localMs`, or `NEVER` within 100 years. Wall-clock times are
 * milliseconds since 1970 "as if it were UTC" on whole seconds; time zones are not known here.
 */
export function nextWallClock(tables: Tables, localMs: number): number {
  const days = Math.floor(localMs / DAY_MS)
  const packed = packedCivil(days)
  const monthIndex = Math.floor(packed / 32)
  const day = packed - monthIndex * 32
  const month = monthIndex - Math.floor(monthIndex / 12) * 12
  let mask = 0
  if ((tables.months >> month) & 1) {
    mask = dayMask(tables, (monthIndex - month) / 12, month + 1)
    if ((mask >> (day - 1)) & 1) {
      const second = nextSecondOfDay(tables, (localMs - days * DAY_MS) / SECOND_MS)
      if (second >= 0) return days * DAY_MS + second * SECOND_MS
    }
    mask = (mask >> day) << day // the days after this one
  }
  const nextDay = mask === 0 ? firstDayAfterMonth(tables, monthIndex) : days - day + 1 + lowestBit(mask)
  return nextDay * DAY_MS + nextSecondOfDay(tables, 0) * SECOND_MS
}

/** The day number of the first matching day in a later month, or `NEVER`. */
function firstDayAfterMonth(tables: Tables, monthIndex: number): number {
  for (let index = monthIndex + 1; index <= monthIndex + HORIZON_MONTHS; index++) {
    const year = Math.floor(index / 12)
    const month = index - year * 12
    if (((tables.months >> month) & 1) === 0) continue
    const mask = dayMask(tables, year, month + 1)
    if (mask !== 0) return daysFromCivil(year, month + 1, 1) + lowestBit(mask)
  }
  return NEVER
}

/** The first matching second of the day at or after `from` (0-86399), or -1. */
function nextSecondOfDay(tables: Tables, from: number): number {
  let hour = (from / 3600) | 0
  let minute = ((from / 60) | 0) - hour * 60
  let second = from - hour * 3600 - minute * 60
  if ((tables.hours >> hour) & 1) {
    if (nextBit(tables.minutesLow, tables.minutesHigh, minute) === minute) {
      second = nextBit(tables.secondsLow, tables.secondsHigh, second)
      if (second >= 0) return hour * 3600 + minute * 60 + second
    }
    minute = nextBit(tables.minutesLow, tables.minutesHigh, minute + 1)
    if (minute >= 0) return hour * 3600 + minute * 60 + nextBit(tables.secondsLow, tables.secondsHigh, 0)
  }
  const later = (tables.hours >> (hour + 1)) << (hour + 1)
  if (later === 0) return -1
  hour = lowestBit(later)
  minute = nextBit(tables.minutesLow, tables.minutesHigh, 0)
  return hour * 3600 + minute * 60 + nextBit(tables.secondsLow, tables.secondsHigh, 0)
}

/** The first member at or after `from` (0-60) of a set of 0-59 kept as two halves of 30, or -1. */
function nextBit(low: number, high: number, from: number): number {
  if (from < 30) {
    const rest = (low >> from) << from
    if (rest !== 0) return lowestBit(rest)
    return high === 0 ? -1 : 30 + lowestBit(high)
  }
  const rest = (high >> (from - 30)) << (from - 30)
  return rest === 0 ? -1 : 30 + lowestBit(rest)
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask)
}
