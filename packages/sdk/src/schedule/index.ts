/** The cron evaluator of PandaStack: pure, without dependencies. Rules and examples: docs/reference/schedules.md. */
export { assertFires, minIntervalMs } from './checks.ts'
export { ScheduleError } from './error.ts'
export type { ScheduleField } from './error.ts'
export { nextTick, nextTime, ticksBetween } from './next.ts'
export type { Tick, TickNote } from './next.ts'
export { parseSchedule } from './parse.ts'
export type { Schedule } from './schedule.ts'
export { assertTimeZone } from './time-zone.ts'
