/** The buffer is worth this much work: enough to hide a round trip, short enough that no job waits noticeably in it. */
const BUFFER_MS = 20
const MAX_BUFFER = 1000
/** Weight of the newest measurement in the moving average. */
const WEIGHT = 0.3
/** After a job of a group was seen, nothing is prefetched for this time: groups and limits count what is claimed. */
const GROUP_PAUSE_MS = 10_000

/**
 * How many jobs to claim ahead of need: about 20 ms of work by the measured time of the handler, up to 1,000. It grows at
 * most twofold per claim, and is 0 for slow handlers and wherever the store limits what may run at the same time.
 */
export class Prefetch {
  #size = 0
  #jobMs: number | null = null
  #quietUntil = Number.NEGATIVE_INFINITY
  readonly #concurrency: number
  readonly #fixed: number | null

  /** @param fixed a size that the user asked for; null = adaptive */
  constructor(concurrency: number, fixed: number | null) {
    this.#concurrency = concurrency
    this.#fixed = fixed
  }

  /** How many to hold beyond those that run. */
  size(now: number, limited: boolean): number {
    if (limited || this.isQuiet(now)) return 0
    return this.#fixed ?? this.#size
  }

  /** A job of a group was seen a short time ago. */
  isQuiet(now: number): boolean {
    return now < this.#quietUntil
  }

  sawGroup(now: number): void {
    this.#quietUntil = now + GROUP_PAUSE_MS
  }

  /** Takes in that `count` handlers took `totalMs` together. */
  measured(count: number, totalMs: number): void {
    const ms = totalMs / count
    this.#jobMs = this.#jobMs === null ? ms : this.#jobMs + WEIGHT * (ms - this.#jobMs)
    // A handler that got slow is believed at once, one that got fast by and by.
    if (ms > this.#jobMs) this.#jobMs = ms
    const worth =
      this.#jobMs > BUFFER_MS ? 0 : Math.floor((this.#concurrency * BUFFER_MS) / Math.max(this.#jobMs, 0.001))
    this.#size = Math.min(worth, MAX_BUFFER, Math.max(2 * this.#size, 2 * this.#concurrency, 8))
  }
}
