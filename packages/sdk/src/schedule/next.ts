import { DAY_MS, formatLocal, SECOND_MS } from './civil.ts'
import { tablesOf } from './schedule.ts'
import type { Schedule, Tables } from './schedule.ts'
import { NEVER, nextWallClock } from './wall-clock.ts'
import { MAX_INSTANT, zoneOf } from './zone.ts'
import type { Zone } from './zone.ts'

/**
 * Why a tick is not simply at its local time. `dst-gap`: that time did not exist, it runs at the end of the gap.
 * `dst-repeat`: that time occurs twice, it runs the first time only.
 */
export type TickNote = 'dst-gap' | 'dst-repeat'

export interface Tick {
  /** Epoch ms. */
  readonly at: number
  readonly note: TickNote | null
  /** The local wall-clock time the schedule names, e.g. `2026-03-29T02:30:00`; in a `dst-gap` it never was on the clock. */
  readonly local: string
}

/** Further than any clock was ever set, so before this nothing of a wall-clock time has been shown. */
const REACH_MS = 2 * DAY_MS

/**
 * The first tick strictly after `afterMs`, as epoch ms; null when there is none within about 100 years.
 *
 * Vixie cron's rule for clock changes. A fixed-time schedule runs when the wall clock first reaches or passes its time:
 * once at the end of the gap if it was skipped (a gap of a day or more, i.e. a date left out, runs nothing), once if it
 * is repeated. Any other schedule runs whenever the wall clock matches.
 *
 * @throws ScheduleError for an unknown zone, RangeError when `afterMs` is not a finite number
 */
export function nextTime(schedule: Schedule, timeZone: string, afterMs: number): number | null {
  if (!Number.isFinite(afterMs)) throw new RangeError(`afterMs must be a finite number, not ${afterMs}`)
  const tables = tablesOf(schedule)
  const zone = zoneOf(timeZone)
  if (afterMs >= MAX_INSTANT) return null
  const after = Math.max(afterMs, -MAX_INSTANT)
  const at = schedule.fixedTime ? nextFixed(tables, zone, after) : nextWild(tables, zone, after)
  return at > MAX_INSTANT ? null : at
}

/** Like `nextTime`, with the nominal local time and the clock-change note. */
export function nextTick(schedule: Schedule, timeZone: string, afterMs: number): Tick | null {
  const at = nextTime(schedule, timeZone, afterMs)
  return at === null ? null : describe(schedule, zoneOf(timeZone), at)
}

/** All ticks in `(afterMs, untilMs]`, lazily and in order. */
export function* ticksBetween(
  schedule: Schedule,
  timeZone: string,
  afterMs: number,
  untilMs: number,
): Generator<Tick, void, undefined> {
  let tick = nextTick(schedule, timeZone, afterMs)
  while (tick !== null && tick.at <= untilMs) {
    yield tick
    tick = nextTick(schedule, timeZone, tick.at)
  }
}

function secondAfter(ms: number): number {
  return (Math.floor(ms / SECOND_MS) + 1) * SECOND_MS
}

function nextFixed(tables: Tables, zone: Zone, after: number): number {
  let span = zone.spanAt(after)
  let local = nextWallClock(tables, Math.max(secondAfter(after + span.offset), span.shown))
  for (;;) {
    if (local - span.offset < span.until) {
      if (local - span.offset >= span.from) return local - span.offset
      if (span.from + span.offset - span.shown < DAY_MS) return span.from
      local = nextWallClock(tables, span.from + span.offset)
    } else {
      const instant = Math.max(span.until, local - REACH_MS)
      if (instant > MAX_INSTANT) return NEVER
      span = zone.spanAt(instant)
    }
  }
}

function nextWild(tables: Tables, zone: Zone, after: number): number {
  let instant = secondAfter(after)
  let span = zone.spanAt(instant)
  let base = instant + span.offset
  // Invariant: no wall-clock time in [base, local) matches.
  let local = nextWallClock(tables, base)
  while (local - span.offset >= span.until) {
    // Only close to `instant` can the clock be set back below `base`; from further on the way is clear up to `local`.
    const near = span.until <= instant + REACH_MS
    const next = near ? span.until : Math.max(span.until, local - REACH_MS)
    if (next > MAX_INSTANT) return NEVER
    span = zone.spanAt(next)
    const there = next + span.offset
    if (there < base || there > local) {
      instant = next
      base = there
      local = nextWallClock(tables, base)
    }
  }
  return local - span.offset
}

function describe(schedule: Schedule, zone: Zone, at: number): Tick {
  const span = zone.spanAt(at)
  const shown = at + span.offset
  if (!schedule.fixedTime) return { at, note: null, local: formatLocal(shown) }
  if (at === span.from && span.shown < shown) {
    const nominal = nextWallClock(tablesOf(schedule), span.shown)
    // When the end of the gap is a time of its own, that run would be there anyway.
    const ownTime = nextWallClock(tablesOf(schedule), shown) === shown
    if (nominal < shown && !ownTime) return { at, note: 'dst-gap', local: formatLocal(nominal) }
  }
  return { at, note: isRepeatedLater(zone, at, shown) ? 'dst-repeat' : null, local: formatLocal(shown) }
}

/** Whether the clock shows the time `local` again after the instant `at`. */
function isRepeatedLater(zone: Zone, at: number, local: number): boolean {
  let { until } = zone.spanAt(at)
  while (until <= at + REACH_MS && until <= MAX_INSTANT) {
    const later = zone.spanAt(until)
    if (local >= until + later.offset && local < later.until + later.offset) return true
    until = later.until
  }
  return false
}
