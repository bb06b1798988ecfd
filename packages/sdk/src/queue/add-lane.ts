import { PandaError } from '../errors.ts'
import type { Added, NewJob } from './driver.ts'

/** Jobs in one round trip at most. */
export const MAX_BATCH = 1000
/** So many have to wait before a second round trip is started beside the first. */
const SECOND_FLIGHT = 32

interface Waiting<Item, Answer> {
  readonly item: Item
  readonly since: number
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/**
 * Group commit: what is added while a round trip is under way goes with the next one. A lone add pays nothing for it, a
 * hundred at a time share one round trip and one fsync.
 */
export class AddLane<Item = NewJob, Answer = Added> {
  #waiting: Waiting<Item, Answer>[] = []
  #flights = 0
  #woken = false
  readonly #settled: (() => void)[] = []
  readonly #send: (items: readonly Item[], since: number) => Promise<readonly Answer[]>
  readonly #now: () => number
  readonly #mostFlights: number

  /**
   * @param send stores a batch; `since` is when the oldest in it was handed in (by `now`)
   * @param mostFlights round trips at a time, 1 or 2. With 1 (default 2) all is stored in the order in which it was handed in.
   */
  constructor(
    send: (items: readonly Item[], since: number) => Promise<readonly Answer[]>,
    now: () => number,
    mostFlights: 1 | 2 = 2,
  ) {
    this.#send = send
    this.#now = now
    this.#mostFlights = mostFlights
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, since: this.#now(), resolve, reject })
      if (this.#woken) return
      this.#woken = true
      queueMicrotask(() => {
        this.#woken = false
        this.#fly()
      })
    })
  }

  /** Resolves when nothing is waiting or under way. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#settled.push(resolve)
      this.#tellSettled()
    })
  }

  #tellSettled(): void {
    if (this.#waiting.length > 0 || this.#flights > 0) return
    for (const resolve of this.#settled.splice(0)) resolve()
  }

  #fly(): void {
    while (this.#waiting.length > 0 && this.#mayFly()) {
      const batch = this.#waiting.length <= MAX_BATCH ? this.#waiting : this.#waiting.slice(0, MAX_BATCH)
      this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(MAX_BATCH)
      this.#flights += 1
      void this.#carry(batch)
    }
  }

  #mayFly(): boolean {
    if (this.#flights === 0) return true
    return this.#flights < this.#mostFlights && this.#waiting.length >= SECOND_FLIGHT
  }

  async #carry(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const items = batch.map((waiting) => waiting.item)
      const answers = await this.#send(items, batch[0]!.since)
      if (answers.length !== batch.length)
        throw new PandaError('store_refused', 'The store answered for another number than it was asked')
      for (let i = 0; i < batch.length; i += 1) batch[i]!.resolve(answers[i]!)
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    }
    this.#flights -= 1
    this.#fly()
    this.#tellSettled()
  }
}
