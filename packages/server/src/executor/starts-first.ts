import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'

/** So many runs handed in at once are a burst; fewer are started and followed as they come. */
const BURST = 50
/** A burst is over when all are prepared, no claim is under way, and for so long no other came, in milliseconds. */
const QUIET_MS = 100
const LOOK_EVERY_MS = 20
/** What follows a start waits no longer than this for the starts of others, in milliseconds. */
const LIMIT_MS = 5000
/** Let on in one turn of the event loop, so that the API gets its turns too. */
const SLICE = 200

/**
 * In a burst, starts go before the work that follows them: what was started waits here until all others are. Without
 * it the records and logs of the first thousand would make the rest late.
 */
export class StartsFirst {
  readonly #clock: Clock
  readonly #claiming: () => boolean
  readonly #open = new AbortController()
  #unprepared = 0
  #lastBurstMs = 0
  #holding = false
  /** One entry per started run at most. */
  #waiting: (() => void)[] = []

  /** @param claiming whether a claim that may hand in more is under way */
  constructor(clock: Clock, claiming: () => boolean) {
    this.#clock = clock
    this.#claiming = claiming
  }

  /** Runs were handed in; each is to be told to {@link prepared}. */
  took(count: number): void {
    this.#unprepared += count
    if (count < BURST || this.#open.signal.aborted) return
    this.#lastBurstMs = this.#clock.now()
    if (this.#holding) return
    this.#holding = true
    void this.#hold()
  }

  /** One of them is about to start, or will not. */
  prepared(): void {
    this.#unprepared--
  }

  /** Resolves at once in quiet times. */
  turn(): Promise<void> {
    if (!this.#holding) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Holds nobody any more. */
  open(): void {
    this.#open.abort()
  }

  async #hold(): Promise<void> {
    const { signal } = this.#open
    const giveUpMs = this.#clock.now() + LIMIT_MS
    while (this.#isBursting() && this.#clock.now() < giveUpMs && !signal.aborted) {
      await this.#clock.sleep(LOOK_EVERY_MS, signal)
    }
    this.#holding = false
    const waiting = this.#waiting
    this.#waiting = []
    for (let from = 0; from < waiting.length; from += SLICE) {
      for (const resolve of waiting.slice(from, from + SLICE)) resolve()
      await nextTurn()
    }
  }

  #isBursting(): boolean {
    return this.#unprepared > 0 || this.#claiming() || this.#clock.now() - this.#lastBurstMs < QUIET_MS
  }
}
