import { parseSchedule } from '../schedule/index.ts'
import type { NewJob, QueueDriver } from './driver.ts'
import { plainJob } from './job-options.ts'
import { encodeSettings } from './job-settings.ts'
import type { JobSettings } from './job-settings.ts'
import type { StoredSchedule } from './schedule-driver.ts'
import { planSteps } from './schedule-plan.ts'
import type { MissedPolicy } from './schedule-plan.ts'
import { loadTracing } from './tracing.ts'
import type { Carrier } from './tracing.ts'

/** What is stored of a schedule, as JSON text. */
export interface ScheduleSpec {
  readonly expression: string
  readonly timezone: string
  readonly missed: MissedPolicy
  readonly body: string
  readonly settings: JobSettings
  readonly priority: number
  readonly group: string | null
}

/**
 * Makes the jobs of all schedules of this queue that are due. Any number of workers may do it at once.
 * @returns in how many ms the next one is due; null = none is
 */
export async function fireDue(driver: QueueDriver, queue: string): Promise<number | null> {
  const { due, now, againInMs } = await driver.dueSchedules(queue)
  if (due.length === 0) return againInMs
  for (const schedule of due) await fire(driver, queue, schedule, now)
  return (await driver.dueSchedules(queue)).againInMs
}

async function fire(
  driver: QueueDriver,
  queue: string,
  { key, spec: text, dueAt }: StoredSchedule,
  now: number,
): Promise<void> {
  if (dueAt === null) return
  const spec = JSON.parse(text) as ScheduleSpec
  const tracing = await loadTracing()
  const steps = planSteps(parseSchedule(spec.expression), spec.timezone, spec.missed, dueAt, now)
  for (const { from, to, fires } of steps) {
    const move = (trace: Carrier | undefined): Promise<boolean> =>
      driver.tick(queue, key, from, to, fires ? jobOf(spec, key, from, trace) : null)
    const attributes = { 'panda.schedule.key': key }
    const isMine =
      fires && tracing?.active() === true
        ? await tracing.publishing(queue, move, { attributes, root: true, isDone: (won) => won })
        : await move(undefined)
    // Somebody else makes these moves: the rest is theirs too.
    if (!isMine) return
  }
}

function jobOf(spec: ScheduleSpec, key: string, at: number, trace: Carrier | undefined): NewJob {
  const settings = encodeSettings({ ...spec.settings, ...(trace !== undefined && { trace }), schedule: { key, at } })
  return { ...plainJob(spec.body, settings, spec.priority), group: spec.group }
}
