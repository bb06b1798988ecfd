import type { Clock } from './clock.ts'

/** Ends of the attempts that have a timeout: one timer for all, set for the earliest. */
export class Deadlines<K> {
  readonly #ends = new Map<K, number>()
  #timerAt = Number.POSITIVE_INFINITY
  #cancel: (() => void) | null = null
  readonly #clock: Clock
  readonly #onEnd: (key: K) => void

  constructor(clock: Clock, onEnd: (key: K) => void) {
    this.#clock = clock
    this.#onEnd = onEnd
  }

  /** Sets or moves the end. */
  set(key: K, ms: number): void {
    const end = this.#clock.now() + ms
    this.#ends.set(key, end)
    if (end < this.#timerAt) this.#arm(end)
  }

  delete(key: K): void {
    this.#ends.delete(key)
    if (this.#ends.size === 0) this.#disarm()
  }

  #arm(end: number): void {
    this.#disarm()
    this.#timerAt = end
    this.#cancel = this.#clock.after(Math.max(0, end - this.#clock.now()), () => this.#fire(), true)
  }

  #disarm(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  #fire(): void {
    this.#disarm()
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const [key, end] of this.#ends) {
      if (end <= now) {
        this.#ends.delete(key)
        this.#onEnd(key)
      } else if (end < next) next = end
    }
    if (next < this.#timerAt) this.#arm(next)
  }
}
