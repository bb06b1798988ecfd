import { type Concurrency, formatDuration, type MissedPolicy, type Reason, type TickNote } from '@pandastack/contract'
import type { DueTick } from './due-ticks.ts'
import { jitterOf } from './jitter.ts'
import { MAX_WAITING, MISSED_AFTER_MS } from './limits.ts'

/** What of a cronjob decides over its ticks. */
export interface TickPolicy {
  readonly id: string
  readonly suspended: boolean
  readonly concurrency: Concurrency
  readonly missed: MissedPolicy
  readonly missedLimit: number
  readonly deadlineMs: number | null
  readonly jitterMs: number
}

/** Runs of the cronjob that have not ended. */
export interface ActiveRuns {
  readonly total: number
  /** Those of them that are held behind an earlier one. */
  readonly waiting: number
}

export const NONE_ACTIVE: ActiveRuns = { total: 0, waiting: 0 }

/** A run as it is born. `running` is not among the states: whether a slot is free is decided for the whole batch. */
export interface Birth {
  readonly dueAt: number
  readonly note: TickNote | null
  readonly trigger: 'schedule' | 'catch-up'
  readonly state: 'scheduled' | 'queued' | 'skipped' | 'missed'
  readonly reason: Reason | null
  readonly message: string | null
  readonly held: boolean
  readonly availableAt: number
}

export interface TickPlan {
  /** One for each of the first ticks given, in order; the others are left for the next claim. */
  readonly births: readonly Birth[]
  /** True when the runs that were active before have to be cancelled (`replace`). */
  readonly replacesActive: boolean
}

/**
 * Decides what becomes of due ticks. Pure: same input, same plan, on every server.
 *
 * The rules, first match wins: a suspended cronjob skips (`paused`); a tick later than {@link MISSED_AFTER_MS} is missed
 * unless the missed policy picks it as a catch-up; a tick later than the deadline is skipped (`deadline`); then the
 * concurrency policy. Catch-ups of `missed: last|all` are the newest missed ticks, so while there is more behind the
 * page, the newest ones that could still be picked stay undecided.
 *
 * @param ticks the oldest due ticks, in order; at least `keptBack(policy) + 1` of them when `more`
 * @param more whether due ticks follow behind `ticks`
 */
export function planTicks(
  policy: TickPolicy,
  ticks: readonly DueTick[],
  more: boolean,
  now: number,
  active: ActiveRuns,
): TickPlan {
  const isMissed = (tick: DueTick): boolean => now - tick.at > MISSED_AFTER_MS
  const keep = keptBack(policy)
  const last = ticks.at(-1)
  const decided = more && last && isMissed(last) ? ticks.slice(0, ticks.length - keep) : ticks
  const missedInAll = ticks.filter(isMissed).length
  const verdicts = decided.map((tick, index) => {
    if (policy.suspended) return skipped(tick, 'schedule', 'paused', 'the cronjob was paused')
    if (!isMissed(tick)) return onTime(policy, tick, 'schedule', now)
    if (index < missedInAll - keep) return missed(tick, now)
    return onTime(policy, tick, 'catch-up', now)
  })
  return applyConcurrency(policy.concurrency, verdicts, active)
}

/** How many of the newest missed ticks are run, at most. */
export function keptBack(policy: TickPolicy): number {
  if (policy.suspended || policy.missed === 'skip') return 0
  return policy.missed === 'last' ? 1 : policy.missedLimit
}

function onTime(policy: TickPolicy, tick: DueTick, trigger: Birth['trigger'], now: number): Birth {
  const lateMs = now - tick.at
  if (policy.deadlineMs !== null && lateMs > policy.deadlineMs) {
    const message = `${formatDuration(lateMs)} late, its deadline is ${formatDuration(policy.deadlineMs)}`
    return skipped(tick, trigger, 'deadline', message)
  }
  const availableAt = tick.at + jitterOf(policy.id, tick.at, policy.jitterMs)
  const state = availableAt > now ? 'scheduled' : 'queued'
  return { dueAt: tick.at, note: tick.note, trigger, state, reason: null, message: null, held: false, availableAt }
}

function missed(tick: DueTick, now: number): Birth {
  const message = `no server took it in time, it was found ${formatDuration(now - tick.at)} late`
  return { ...skipped(tick, 'schedule', 'server-down', message), state: 'missed' }
}

function skipped(tick: DueTick, trigger: Birth['trigger'], reason: Reason, message: string): Birth {
  const { at, note } = tick
  return { dueAt: at, note, trigger, state: 'skipped', reason, message, held: false, availableAt: at }
}

function starts(birth: Birth): boolean {
  return birth.state === 'queued' || birth.state === 'scheduled'
}

function overlap(birth: Birth, message: string): Birth {
  return { ...birth, state: 'skipped', reason: 'overlap', message, availableAt: birth.dueAt }
}

function applyConcurrency(concurrency: Concurrency, births: readonly Birth[], active: ActiveRuns): TickPlan {
  switch (concurrency) {
    case 'allow':
      return { births, replacesActive: false }
    case 'forbid':
      return { births: forbid(births, active), replacesActive: false }
    case 'queue':
      return { births: queue(births, active), replacesActive: false }
    case 'replace':
      return replace(births, active)
  }
}

function forbid(births: readonly Birth[], active: ActiveRuns): Birth[] {
  let busy = active.total > 0
  return births.map((birth) => {
    if (!starts(birth)) return birth
    if (busy) return overlap(birth, 'an earlier run was still active')
    busy = true
    return birth
  })
}

/** A held run is `queued` also when it has jitter: it waits for the run before it, and for its own time after that. */
function queue(births: readonly Birth[], active: ActiveRuns): Birth[] {
  let { total, waiting } = active
  return births.map((birth) => {
    if (!starts(birth)) return birth
    total++
    if (total === 1) return birth
    if (waiting >= MAX_WAITING) {
      const message = `${MAX_WAITING} runs were waiting already`
      return { ...birth, state: 'skipped', reason: 'queue-full', message, availableAt: birth.dueAt }
    }
    waiting++
    return { ...birth, state: 'queued', held: true }
  })
}

/** Of several ticks found together only the newest starts: the others would be cancelled before they began. */
function replace(births: readonly Birth[], active: ActiveRuns): TickPlan {
  const newest = births.findLastIndex(starts)
  const replacesActive = newest >= 0 && active.total > 0
  const planned = births.map((birth, index): Birth => {
    if (!starts(birth)) return birth
    if (index !== newest) return overlap(birth, 'a later run replaced it before it began')
    return replacesActive ? { ...birth, state: 'queued', held: true } : birth
  })
  return { births: planned, replacesActive }
}
