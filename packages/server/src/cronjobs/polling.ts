import { formatDuration, type Warning } from '@pandastack/contract'
import { nextTime } from '@pandastack/sdk/schedule'
import { sql } from 'kysely'
import { schedules } from '../scheduler/schedule-cache.ts'
import type { Queryable } from '../store/database.ts'
import type { ScheduleInput } from './check-schedule.ts'

/** Runs at least as often as this look like polling. */
export const POLLING_INTERVAL_MS = 5 * 60_000
/** Three quarters of so many next gaps decide, so that office hours count and two ticks a day one minute apart do not. */
const SAMPLED_GAPS = 24
const SHARE_OF_GAPS = 0.75
const MOST_LONGER_GAPS = SAMPLED_GAPS * (1 - SHARE_OF_GAPS)

/** A history is judged from so many runs on, by its newest hundred: nine in ten of them shorter than five seconds. */
const MIN_RUNS = 20
const JUDGED_RUNS = 100
const SHORT_RUN_MS = 5000
const SHARE_OF_SHORT_RUNS = 0.9

const HINT =
  'If it looks for new work, let whoever makes the work say so: add a job to a queue and process it in a worker ' +
  '(one system handles it), or publish an event (several must know). Then it starts at once and nothing runs idle. ' +
  'If the time itself is the reason to run, leave it as it is.'

/**
 * The usual gap between the next ticks in ms: three quarters of the gaps are no longer. Infinity when there is none, and
 * as soon as it is sure to be above `atMostMs` (default: never), which most schedules show by a few ticks.
 */
export function usualIntervalMs(input: ScheduleInput, fromMs: number, atMostMs = Infinity): number {
  const schedule = schedules.get(input.schedule)
  const gaps: number[] = []
  let longer = 0
  let previous = nextTime(schedule, input.timezone, fromMs)
  while (previous !== null && gaps.length < SAMPLED_GAPS) {
    const next = nextTime(schedule, input.timezone, previous)
    if (next === null) break
    gaps.push(next - previous)
    if (next - previous > atMostMs && ++longer > MOST_LONGER_GAPS) return Infinity
    previous = next
  }
  return quantile(gaps, SHARE_OF_GAPS)
}

/** The warning from the schedule alone. */
export function pollingScheduleWarning(input: ScheduleInput, fromMs: number): Warning | null {
  const interval = usualIntervalMs(input, fromMs, POLLING_INTERVAL_MS)
  if (interval > POLLING_INTERVAL_MS) return null
  return {
    code: 'polling-schedule',
    message: `It runs every ${formatDuration(interval)}, which is how one polls: "is there anything new?"`,
    hint: HINT,
  }
}

export interface PastRun {
  readonly dueAt: Date
  /** Null when it never ran. */
  readonly durationMs: number | null
}

/** The warning from what really happened. `runs` are scheduled runs that have ended, in any order. */
export function pollingHistoryWarning(runs: readonly PastRun[]): Warning | null {
  const durations = runs.flatMap(({ durationMs }) => (durationMs === null ? [] : [durationMs]))
  if (durations.length < MIN_RUNS) return null
  const times = runs.map((run) => run.dueAt.getTime()).sort((a, b) => a - b)
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time))
  const interval = quantile(gaps, 0.5)
  const short = durations.filter((duration) => duration < SHORT_RUN_MS).length
  if (interval > POLLING_INTERVAL_MS || short < durations.length * SHARE_OF_SHORT_RUNS) return null
  const seconds = formatDuration(SHORT_RUN_MS)
  return {
    code: 'polling-history',
    message: `${short} of its last ${durations.length} runs were over in ${seconds}, one every ${formatDuration(interval)}: most of them found nothing to do, it seems.`,
    hint: HINT,
  }
}

/** The newest runs that a judgement needs. */
export async function readPastRuns(db: Queryable, cronjobId: string): Promise<PastRun[]> {
  const { rows } = await sql<{ due_at: Date; duration_ms: number | null }>`
    select due_at, extract(epoch from finished_at - started_at)::float8 * 1000 as duration_ms
    from runs
    where cronjob_id = ${cronjobId} and trigger = 'schedule' and state in ('succeeded', 'failed')
    order by id desc limit ${JUDGED_RUNS}`.execute(db)
  return rows.map((row) => ({ dueAt: row.due_at, durationMs: row.duration_ms }))
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Infinity
}
