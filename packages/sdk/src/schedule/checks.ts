import { dayMask } from './days.ts'
import { ScheduleError } from './error.ts'
import { MONTH, valueName } from './fields.ts'
import { nextTime } from './next.ts'
import { tablesOf } from './schedule.ts'
import type { Schedule } from './schedule.ts'

/** Dates and weekdays repeat after 400 years; 2000 is the start of such a cycle. */
const CYCLE_START = 2000
const CYCLE_YEARS = 400

/** Enough to see the shortest gap of an ordinary schedule, e.g. all of a working day in quarters of an hour. */
const SAMPLED_TICKS = 64
/** Ends the sampling of rare schedules: their gaps are far too large to matter. */
const SAMPLED_SPAN_MS = 366 * 86_400_000

/** @throws ScheduleError when no date matches in any year, e.g. 30 February */
export function assertFires(schedule: Schedule): void {
  const tables = tablesOf(schedule)
  for (let year = CYCLE_START; year < CYCLE_START + CYCLE_YEARS; year++) {
    for (let month = 1; month <= 12; month++) {
      if ((tables.months >> (month - 1)) & 1 && dayMask(tables, year, month) !== 0) return
    }
  }
  const months: string[] = []
  for (let month = 1; month <= 12; month++) if ((tables.months >> (month - 1)) & 1) months.push(valueName(MONTH, month))
  throw new ScheduleError('day-of-month', `can never fire: there is no such day in ${months.join(', ')}`)
}

/**
 * The smallest gap in ms between the next 64 ticks (fewer for rare schedules: sampling ends after a year).
 * `Infinity` when fewer than two ticks follow.
 */
export function minIntervalMs(schedule: Schedule, timeZone: string, fromMs: number): number {
  let smallest = Infinity
  let previous = nextTime(schedule, timeZone, fromMs)
  for (let count = 1; count < SAMPLED_TICKS && previous !== null; count++) {
    const next = nextTime(schedule, timeZone, previous)
    if (next === null) break
    smallest = Math.min(smallest, next - previous)
    previous = next
    if (previous > fromMs + SAMPLED_SPAN_MS) break
  }
  return smallest
}
