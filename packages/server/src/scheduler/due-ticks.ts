import type { TickNote } from '@pandastack/contract'
import { nextTick, type Schedule } from '@pandastack/sdk/schedule'

export interface DueTick {
  /** Epoch ms. */
  readonly at: number
  readonly note: TickNote | null
}

/** The oldest due ticks of one cronjob. */
export interface DuePage {
  /** In order, none twice. */
  readonly ticks: readonly DueTick[]
  /** The first tick behind the page; null when there is none for a hundred years. */
  readonly next: number | null
}

/**
 * Reads the ticks in `[fromMs, nowMs]`, at most `limit` of them. `fromMs` is the stored next due time; it is evaluated
 * anew, so that a server with newer time zone rules does not fire at a time that the zone no longer has.
 */
export function readDueTicks(
  schedule: Schedule,
  timezone: string,
  fromMs: number,
  nowMs: number,
  limit: number,
): DuePage {
  const ticks: DueTick[] = []
  let tick = nextTick(schedule, timezone, fromMs - 1)
  while (tick !== null && tick.at <= nowMs && ticks.length < limit) {
    ticks.push({ at: tick.at, note: tick.note })
    tick = nextTick(schedule, timezone, tick.at)
  }
  return { ticks, next: tick === null ? null : tick.at }
}
