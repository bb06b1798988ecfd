import { PandaError } from '../errors.ts'
import type { Added, NewJob } from './driver.ts'

/** Jobs in one round trip at most. */
export const MAX_BATCH = 1000
/** So many have to wait before a second round trip is started beside the first. */
const SECOND_FLIGHT = 32

interface Waiting {
  readonly job: NewJob
  readonly since: number
  readonly resolve: (added: Added) => void
  readonly reject: (error: unknown) => void
}

/**
 * Group commit: what is added while a round trip is under way goes with the next one. A lone add pays nothing for it, a
 * hundred at a time share one round trip and one fsync.
 */
export class AddLane {
  #waiting: Waiting[] = []
  #flights = 0
  #woken = false
  readonly #settled: (() => void)[] = []
  readonly #send: (jobs: readonly NewJob[], since: number) => Promise<readonly Added[]>
  readonly #now: () => number

  /** @param send stores a batch; `since` is when its oldest job was handed in (by `now`) */
  constructor(send: (jobs: readonly NewJob[], since: number) => Promise<readonly Added[]>, now: () => number) {
    this.#send = send
    this.#now = now
  }

  add(job: NewJob): Promise<Added> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, since: this.#now(), resolve, reject })
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
    return this.#flights === 0 || (this.#flights === 1 && this.#waiting.length >= SECOND_FLIGHT)
  }

  async #carry(batch: readonly Waiting[]): Promise<void> {
    try {
      const jobs = batch.map((waiting) => waiting.job)
      const added = await this.#send(jobs, batch[0]!.since)
      if (added.length !== batch.length)
        throw new PandaError('store_refused', 'The store answered for another number of jobs')
      for (let i = 0; i < batch.length; i += 1) batch[i]!.resolve(added[i]!)
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    }
    this.#flights -= 1
    this.#fly()
    this.#tellSettled()
  }
}
