/** The part of the seam for jobs that repeat on a schedule. The next due time is computed above it, by the cron evaluator. */
import type { NewJob } from './driver.ts'

export interface StoredSchedule {
  readonly key: string
  /** JSON text: expression, timezone, payload and job options, for the code above the seam. */
  readonly spec: string
  /** Ms since 1970; null = it will not fire again. */
  readonly dueAt: number | null
}

export interface ScheduleDriver {
  /** Stores or replaces it. With the same `spec` as the stored one nothing changes, so that every worker may do it at its start. @returns true when it is new or changed */
  putSchedule(queue: string, schedule: StoredSchedule): Promise<boolean>
  removeSchedule(queue: string, key: string): Promise<boolean>
  schedules(queue: string): Promise<readonly StoredSchedule[]>
  /** Those that are due by the store's clock, with that clock. @returns and when the next one will be */
  dueSchedules(
    queue: string,
  ): Promise<{ readonly due: readonly StoredSchedule[]; readonly now: number; readonly againInMs: number | null }>
  /**
   * One step of a schedule: if it is still due at `dueAt`, the job is added and the next due time set, both or neither.
   * Exactly one caller gets true for one due time, however many try. `job` null skips that time.
   */
  tick(queue: string, key: string, dueAt: number, nextDueAt: number | null, job: NewJob | null): Promise<boolean>
}
