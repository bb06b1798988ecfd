import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { ScheduleError } from '@pandastack/sdk/schedule'
import { newId } from '../store/ids.ts'
import type { DueCronjob, DueCronjobs } from './due-cronjobs.ts'
import { type DuePage, readDueTicks } from './due-ticks.ts'
import { CLAIM_TICKS, PAGE_TICKS } from './limits.ts'
import { type ActiveRuns, type Birth, keptBack, NONE_ACTIVE, planTicks } from './plan-ticks.ts'
import { schedules } from './schedule-cache.ts'

/** Planning gives way to the API after so long. */
const SLICE_MS = 10

export interface PlannedRun {
  readonly id: string
  readonly cronjob: DueCronjob
  readonly birth: Birth
}

export interface NextDue {
  readonly cronjobId: string
  /** Epoch ms; null = it never fires again. */
  readonly nextDueAt: number | null
  /** True when a tick of it was missed. */
  readonly failing: boolean
}

/**
 * A cronjob whose stored schedule or zone this server cannot read, e.g. since a newer one wrote it. It must not stop the
 * others; its next due time stays, so that no tick is lost and a server that can read it fires it at once.
 */
export interface BrokenSchedule {
  readonly cronjobId: string
  readonly schedule: string
  readonly error: Error
}

export interface BatchPlan {
  readonly runs: readonly PlannedRun[]
  readonly next: readonly NextDue[]
  /** Cronjobs whose active runs are to be cancelled. */
  readonly replaced: readonly string[]
  readonly broken: readonly BrokenSchedule[]
}

/** Plans all cronjobs of a claim. Reads nothing but its arguments. */
export async function planBatch(due: DueCronjobs, active: ReadonlyMap<string, ActiveRuns>): Promise<BatchPlan> {
  const plan = {
    runs: [] as PlannedRun[],
    next: [] as NextDue[],
    replaced: [] as string[],
    broken: [] as BrokenSchedule[],
  }
  const share = Math.max(1, Math.min(PAGE_TICKS, Math.floor(CLAIM_TICKS / Math.max(1, due.cronjobs.length))))
  let sliceEndsAt = performance.now() + SLICE_MS
  for (const cronjob of due.cronjobs) {
    const page = readPage(cronjob, due.now, share)
    if (page instanceof Error) {
      plan.broken.push({ cronjobId: cronjob.id, schedule: cronjob.schedule, error: page })
      continue
    }
    const more = page.next !== null && page.next <= due.now
    const { births, replacesActive } = planTicks(
      cronjob,
      page.ticks,
      more,
      due.now,
      active.get(cronjob.id) ?? NONE_ACTIVE,
    )
    for (const birth of births) plan.runs.push({ id: newId('run'), cronjob, birth })
    if (replacesActive) plan.replaced.push(cronjob.id)
    const nextDueAt = page.ticks[births.length]?.at ?? page.next
    plan.next.push({ cronjobId: cronjob.id, nextDueAt, failing: births.some((birth) => birth.state === 'missed') })
    if (performance.now() > sliceEndsAt) {
      await yieldToEventLoop()
      sliceEndsAt = performance.now() + SLICE_MS
    }
  }
  return plan
}

/** The ticks that may be decided and, behind them, those kept back for the missed policy. */
function readPage(cronjob: DueCronjob, now: number, share: number): DuePage | ScheduleError {
  try {
    const schedule = schedules.get(cronjob.schedule)
    return readDueTicks(schedule, cronjob.timezone, cronjob.nextDueAt, now, share + keptBack(cronjob))
  } catch (error) {
    if (error instanceof Error && error.name === 'ScheduleError') return error as ScheduleError
    throw error
  }
}
