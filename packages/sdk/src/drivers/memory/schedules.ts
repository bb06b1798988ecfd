import type { NewJob } from '../../queue/driver.ts'
import type { StoredSchedule } from '../../queue/schedule-driver.ts'
import { add } from './add.ts'
import { inMs } from './claim.ts'
import type { MemoryStore, QueueData } from './store.ts'

export function putSchedule(queue: QueueData, schedule: StoredSchedule): boolean {
  if (queue.schedules.get(schedule.key)?.spec === schedule.spec) return false
  queue.schedules.set(schedule.key, schedule)
  return true
}

export function dueSchedules(store: MemoryStore, queue: QueueData) {
  const now = store.now()
  const all = [...queue.schedules.values()]
  const due = all.filter((one) => one.dueAt !== null && one.dueAt <= now)
  const later = all.filter((one) => one.dueAt !== null && one.dueAt > now)
  return {
    due,
    now,
    againInMs: inMs(
      store,
      later.map((one) => one.dueAt),
    ),
  }
}

/** Compare and set: only who names the stored due time moves it on. */
export function tick(store: MemoryStore, queue: QueueData, step: ScheduleStep): boolean {
  const schedule = queue.schedules.get(step.key)
  if (schedule === undefined || schedule.dueAt !== step.dueAt) return false
  queue.schedules.set(step.key, { ...schedule, dueAt: step.nextDueAt })
  if (step.job !== null) add(store, queue, [step.job])
  return true
}

export interface ScheduleStep {
  readonly key: string
  readonly dueAt: number
  readonly nextDueAt: number | null
  readonly job: NewJob | null
}
