import type { JobResult } from './driver.ts'

/** Upper bounds of the latency buckets in ms (how long handlers ran); the last bucket has none. */
export const LATENCY_BOUNDS_MS = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000] as const

/** Of one queue in this process, since it was opened. Plain numbers, read without any call to the store. */
export interface QueueMetrics {
  readonly added: number
  readonly deduplicated: number
  readonly started: number
  readonly succeeded: number
  /** Failed attempts, whether tried again or not. */
  readonly failed: number
  readonly dead: number
  readonly cancelled: number
  /** Results that the store refused: the job had been taken back. */
  readonly refused: number
  /** Jobs of dead workers that this process took back. */
  readonly recovered: number
  /** Right now. */
  readonly running: number
  /** Claimed, not yet started, right now. */
  readonly buffered: number
  /** Not cumulative: `counts[i]` is of those up to `bounds[i]`, the last of all longer ones. */
  readonly latency: { readonly bounds: readonly number[]; readonly counts: readonly number[]; readonly sumMs: number }
}

export class Counters {
  added = 0
  deduplicated = 0
  started = 0
  succeeded = 0
  failed = 0
  dead = 0
  cancelled = 0
  refused = 0
  recovered = 0
  readonly #latency: number[] = Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, () => 0)
  #sumMs = 0

  count(kind: JobResult['kind']): void {
    if (kind === 'succeeded') this.succeeded += 1
    else if (kind === 'cancelled') this.cancelled += 1
    else if (kind !== 'released') this.failed += 1
    if (kind === 'dead') this.dead += 1
  }

  ran(ms: number): void {
    let i = 0
    while (i < LATENCY_BOUNDS_MS.length && ms > LATENCY_BOUNDS_MS[i]!) i += 1
    this.#latency[i] = this.#latency[i]! + 1
    this.#sumMs += ms
  }

  read(running: number, buffered: number): QueueMetrics {
    const { added, deduplicated, started, succeeded, failed, dead, cancelled, refused, recovered } = this
    const latency = { bounds: LATENCY_BOUNDS_MS, counts: [...this.#latency], sumMs: this.#sumMs }
    return {
      added,
      deduplicated,
      started,
      succeeded,
      failed,
      dead,
      cancelled,
      refused,
      recovered,
      running,
      buffered,
      latency,
    }
  }
}
