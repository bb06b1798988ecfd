import type { ScheduleField } from './error.ts'

/** What one field of a cron expression takes. */
export interface FieldSpec {
  readonly field: ScheduleField
  readonly min: number
  readonly max: number
  /** How many different values there are; 7 for the day of the week although it is written 0-7. */
  readonly size: number
  /** Upper-case names; the first one stands for `nameBase`. */
  readonly names: readonly string[]
  readonly nameBase: number
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'] as const
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const

function numeric(field: ScheduleField, min: number, max: number): FieldSpec {
  return { field, min, max, size: max - min + 1, names: [], nameBase: 0 }
}

export const SECOND = numeric('second', 0, 59)
export const MINUTE = numeric('minute', 0, 59)
export const HOUR = numeric('hour', 0, 23)
export const DAY_OF_MONTH = numeric('day-of-month', 1, 31)
export const MONTH: FieldSpec = { ...numeric('month', 1, 12), names: MONTHS, nameBase: 1 }
/** 0 and 7 are both Sunday, so that `5-7` and `0-7` can be written. */
export const DAY_OF_WEEK: FieldSpec = { ...numeric('day-of-week', 0, 7), size: 7, names: WEEKDAYS }

/** @example valueName(MONTH, 2) === 'FEB' */
export function valueName(spec: FieldSpec, value: number): string {
  return spec.names[value - spec.nameBase] ?? String(value)
}
