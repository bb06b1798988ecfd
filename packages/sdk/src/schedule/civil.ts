/**
 * The proleptic Gregorian calendar in integers, without a Date per question (this is the hot path).
 * After Howard Hinnant, "chrono-compatible low-level date algorithms".
 */

export const SECOND_MS = 1000
export const DAY_MS = 86_400_000

const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Days from 1970-01-01 to the given date; `month` 1-12. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = (((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) | 0) + day - 1
  const dayOfEra = yearOfEra * 365 + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** The date of a day number, packed as `(year * 12 + month - 1) * 32 + day` so that no object is made. */
export function packedCivil(days: number): number {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra =
    ((dayOfEra - ((dayOfEra / 1460) | 0) + ((dayOfEra / 36_524) | 0) - ((dayOfEra / 146_096) | 0)) / 365) | 0
  const dayOfYear = dayOfEra - (365 * yearOfEra + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0))
  const shifted = ((5 * dayOfYear + 2) / 153) | 0
  const day = dayOfYear - (((153 * shifted + 2) / 5) | 0) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return (year * 12 + month - 1) * 32 + day
}

export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** `month` 1-12. */
export function monthLength(year: number, month: number): number {
  return month === 2 && isLeapYear(year) ? 29 : (MONTH_LENGTHS[month - 1] ?? 31)
}

/** 0 = Sunday. 1970-01-01 was a Thursday. */
export function weekdayOf(days: number): number {
  return (((days + 4) % 7) + 7) % 7
}

/** `2026-03-29T02:30:00` for a wall-clock time given as milliseconds since 1970 "as if it were UTC". */
export function formatLocal(localMs: number): string {
  const days = Math.floor(localMs / DAY_MS)
  const packed = packedCivil(days)
  const months = Math.floor(packed / 32)
  const year = Math.floor(months / 12)
  const seconds = Math.floor((localMs - days * DAY_MS) / SECOND_MS)
  const date = `${formatYear(year)}-${two(months - year * 12 + 1)}-${two(packed - months * 32)}`
  return `${date}T${two((seconds / 3600) | 0)}:${two(((seconds / 60) | 0) % 60)}:${two(seconds % 60)}`
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`
}

/** ISO 8601: four digits, or a sign and six where four do not suffice. */
function formatYear(year: number): string {
  if (year >= 0 && year <= 9999) return String(year).padStart(4, '0')
  return `${year < 0 ? '-' : '+'}${String(Math.abs(year)).padStart(6, '0')}`
}
