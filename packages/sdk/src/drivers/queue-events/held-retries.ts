import type { Clock } from '../../queue/clock.ts'
import type { ClaimedJob } from '../../queue/driver.ts'
import type { Memo } from './results.ts'

/**
 * Events of a strict subscription that wait for their retry. The engine would let the next one of the key pass; so they stay
 * claimed, in their consumer's hands, until they are due, and their failures are noted with the job, for the consumer that
 * takes it when this one is gone.
 */
export class HeldRetries {
  readonly #waiting = new Map<ClaimedJob, () => void>()
  readonly #clock: Clock
  readonly #onDue: (job: ClaimedJob, memo: Memo) => void

  constructor(clock: Clock, onDue: (job: ClaimedJob, memo: Memo) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  get size(): number {
    return this.#waiting.size
  }

  add(job: ClaimedJob, memo: Memo): void {
    const left = Math.max(0, memo.dueAt - this.#clock.wall())
    const cancel = this.#clock.after(
      left,
      () => {
        this.#waiting.delete(job)
        // A timer has a longest time: then it waits on.
        if (memo.dueAt > this.#clock.wall() + 1) this.add(job, memo)
        else this.#onDue(job, memo)
      },
      true,
    )
    this.#waiting.set(job, cancel)
  }

  forget(job: ClaimedJob): void {
    this.#waiting.get(job)?.()
    this.#waiting.delete(job)
  }

  clear(): void {
    for (const cancel of this.#waiting.values()) cancel()
    this.#waiting.clear()
  }
}
