import { daysFromCivil, monthLength, weekdayOf } from './civil.ts'
import type { SpecialDays, Tables } from './schedule.ts'

const ALL_DAYS = 0x7f_ff_ff_ff
const SUNDAY = 0
const SATURDAY = 6

/**
 * The matching days of a month as a set, bit d - 1. When both day fields are restricted a day matches if either does
 * (Vixie cron; POSIX crontab says the same).
 */
export function dayMask(tables: Tables, year: number, month: number): number {
  const length = monthLength(year, month)
  const existing = ALL_DAYS >>> (31 - length)
  const { monthDays, weekdays, special } = tables
  if (monthDays === null && weekdays === null) return existing
  const first = weekdayOf(daysFromCivil(year, month, 1))
  let mask = 0
  if (monthDays !== null) mask |= special === null ? monthDays : monthDays | specialMonthDays(special, first, length)
  if (weekdays !== null) {
    mask |=
      special === null ? spread(weekdays, first) : spread(weekdays, first) | specialWeekdays(special, first, length)
  }
  return mask & existing
}

/** A set of weekdays laid over a month whose first day is the weekday `first`. */
function spread(weekdays: number, first: number): number {
  const week = ((weekdays >> first) | (weekdays << (7 - first))) & 0x7f
  return (week | (week << 7) | (week << 14) | (week << 21) | (week << 28)) & ALL_DAYS
}

function specialMonthDays(special: SpecialDays, first: number, length: number): number {
  let mask = 0
  for (let back = 0; back < length; back++) {
    if ((special.fromEnd >> back) & 1) mask |= 1 << (length - 1 - back)
  }
  if (special.lastWorkday) mask |= 1 << (nearestWorkday(length, first, length) - 1)
  for (let day = 1; day <= length; day++) {
    if ((special.nearest >> (day - 1)) & 1) mask |= 1 << (nearestWorkday(day, first, length) - 1)
  }
  return mask
}

/** Saturday goes back to Friday and Sunday on to Monday, but never out of the month (Quartz's rule for `W`). */
function nearestWorkday(day: number, first: number, length: number): number {
  const weekday = (first + day - 1) % 7
  if (weekday === SATURDAY) return day === 1 ? 3 : day - 1
  if (weekday === SUNDAY) return day === length ? day - 2 : day + 1
  return day
}

function specialWeekdays(special: SpecialDays, first: number, length: number): number {
  let mask = 0
  for (let nth = 0; nth < 5; nth++) {
    const week = (0x7f << (nth * 7)) & ALL_DAYS
    mask |= spread(special.nthWeekdays[nth] ?? 0, first) & week
  }
  const lastSeven = (ALL_DAYS >>> (31 - length)) & ~(ALL_DAYS >>> (38 - length))
  return mask | (spread(special.lastWeekdays, first) & lastSeven)
}
