import { assertFires, assertTimeZone, nextTime, parseSchedule } from '../schedule/index.ts'
import { PandaError } from '../errors.ts'
import { assertKnown, namesOf } from '../options.ts'
import type { QueueDriver } from './driver.ts'
import type { RunOptions } from './job-options.ts'
import { checkName, checkPriority, settingsOf, withoutUndefined } from './job-options.ts'
import type { MissedPolicy } from './schedule-plan.ts'
import type { ScheduleSpec } from './schedule-ticks.ts'

export interface RepeatOptions<T> extends RunOptions {
  /** IANA name. Default UTC. */
  readonly timezone?: string
  /** The data of each job. */
  readonly data: T
  /** What becomes of times at which no worker was there (for more than a minute). Default `last`. */
  readonly missed?: MissedPolicy
  readonly group?: string
}

export interface ScheduleInfo {
  readonly key: string
  readonly expression: string
  readonly timezone: string
  readonly missed: MissedPolicy
  readonly data: unknown
  /** Null when it will not fire again. */
  readonly nextAt: Date | null
}

const KNOWN = namesOf<RepeatOptions<unknown>>({
  timezone: true,
  data: true,
  missed: true,
  group: true,
  attempts: true,
  backoff: true,
  timeout: true,
  priority: true,
})

/**
 * @param encode makes JSON text of the data
 * @throws PandaError invalid_option, ScheduleError, and as `encode` does
 */
export async function specOf<T>(
  key: string,
  expression: string,
  options: RepeatOptions<T>,
  encode: (data: T) => Promise<string>,
  defaults: RunOptions,
): Promise<ScheduleSpec> {
  assertKnown(options, KNOWN, 'schedule')
  checkName(key, 'the key of a schedule')
  const { timezone = 'UTC', missed = 'last' } = options
  const group = options.group === undefined ? null : checkName(options.group, 'group')
  const schedule = parseSchedule(expression)
  assertTimeZone(timezone)
  assertFires(schedule)
  if (missed !== 'skip' && missed !== 'last' && missed !== 'all') {
    throw new PandaError('invalid_option', 'missed must be skip, last or all')
  }
  const settings = settingsOf({ ...defaults, ...withoutUndefined(options) })
  const priority = checkPriority(options.priority ?? defaults.priority ?? 0)
  const body = await encode(options.data)
  return { expression: schedule.expression, timezone, missed, body, settings, priority, group }
}

/** Stores it, due at its next time by the store's clock. The same call by every worker at its start changes nothing. */
export async function storeSchedule(
  driver: QueueDriver,
  queue: string,
  key: string,
  spec: ScheduleSpec,
): Promise<void> {
  const { now } = await driver.dueSchedules(queue)
  const dueAt = nextTime(parseSchedule(spec.expression), spec.timezone, now)
  await driver.putSchedule(queue, { key, spec: JSON.stringify(spec), dueAt })
}

export async function readSchedules(driver: QueueDriver, queue: string): Promise<ScheduleInfo[]> {
  return (await driver.schedules(queue)).map(({ key, spec: text, dueAt }) => {
    const { expression, timezone, missed, body } = JSON.parse(text) as ScheduleSpec
    const data: unknown = JSON.parse(body)
    return { key, expression, timezone, missed, data, nextAt: dueAt === null ? null : new Date(dueAt) }
  })
}
