import type { Clock } from '../clock.ts'
import { MAX_UNREADABLE, UNREADABLE_RETRY_MS } from './limits.ts'

/** Remembers for a while which cronjobs this server could not read, so that it does not claim them again and again. */
export class UnreadableCronjobs {
  readonly #clock: Pick<Clock, 'now'>
  /** Id to the time of the next try; in the order of these times. */
  readonly #until = new Map<string, number>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  add(id: string): void {
    this.#until.delete(id)
    const oldest = this.#until.keys().next()
    if (this.#until.size >= MAX_UNREADABLE && !oldest.done) this.#until.delete(oldest.value)
    this.#until.set(id, this.#clock.now() + UNREADABLE_RETRY_MS)
  }

  /** Those that are not to be tried yet. */
  ids(): readonly string[] {
    const nowMs = this.#clock.now()
    for (const [id, untilMs] of this.#until) {
      if (untilMs > nowMs) break
      this.#until.delete(id)
    }
    return [...this.#until.keys()]
  }
}
