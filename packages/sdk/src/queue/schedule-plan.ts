import { nextTime, ticksBetween } from '../schedule/index.ts'
import type { Schedule } from '../schedule/index.ts'

/** What becomes of ticks that nobody was there for. `skip`: nothing; `last`: one job for all; `all`: one each, the newest ones up to a bound. */
export type MissedPolicy = 'skip' | 'last' | 'all'

/** A tick that is seen later than this is missed; up to it, it is merely late. The same bound as for cronjobs. */
export const MISSED_AFTER_MS = 60_000
/** With `all`, so many missed ticks get a job at most. */
export const MAX_MISSED = 100

/** One move of a schedule: from `from` to `to`, with or without a job. */
export interface Step {
  readonly from: number
  readonly to: number | null
  readonly fires: boolean
}

/**
 * The moves that bring a schedule from its due time into the future. Those of two planners may differ by what was due when
 * they looked; each move is made by one of them only, so no tick fires twice and none is left out.
 */
export function planSteps(
  schedule: Schedule,
  timeZone: string,
  missed: MissedPolicy,
  dueAt: number,
  now: number,
): Step[] {
  const fresh = Math.max(dueAt, now - MISSED_AFTER_MS)
  const kept = missed === 'skip' ? [] : lastTicks(schedule, timeZone, dueAt, fresh, missed === 'last' ? 1 : MAX_MISSED)
  for (const tick of ticksBetween(schedule, timeZone, fresh - 1, now)) kept.push(tick.at)
  const steps: Step[] = []
  const end = nextTime(schedule, timeZone, now)
  if (kept[0] !== dueAt) steps.push({ from: dueAt, to: kept[0] ?? end, fires: false })
  for (let i = 0; i < kept.length; i += 1) steps.push({ from: kept[i]!, to: kept[i + 1] ?? end, fires: true })
  return steps
}

/** The last `count` ticks in [from, until). Looks back in doubled spans: a schedule of every second may have missed a year. */
function lastTicks(schedule: Schedule, timeZone: string, from: number, until: number, count: number): number[] {
  for (let span = MISSED_AFTER_MS; ; span *= 2) {
    const start = Math.max(from, until - span)
    const found: number[] = []
    for (const tick of ticksBetween(schedule, timeZone, start - 1, until - 1)) found.push(tick.at)
    if (found.length >= count || start === from) return found.slice(-count)
  }
}
