/** What is measured of each queue, all on one store. Rates count from the first call of the handler to the last. */
export interface Contender {
  readonly name: string
  /** Jobs one by one, so many in flight. @returns jobs per second */
  addOneByOne(inFlight: number, total: number): Promise<number>
  /** Jobs by the thousand, one call after the other. @returns jobs per second */
  addBulk(total: number, data?: Record<string, unknown>): Promise<number>
  /** Works off what waits; each job has to come exactly once. @returns jobs per second */
  work(concurrency: number, total: number): Promise<number>
  close(): Promise<void>
}

/** Counts calls of a handler that does nothing. */
export class Tally {
  readonly finished: Promise<void>
  #calls = 0
  #startedAt = 0
  #endedAt = 0
  readonly #seen = new Set<string>()
  readonly #total: number
  #finish: () => void = () => undefined

  constructor(total: number) {
    this.#total = total
    this.finished = new Promise((resolve) => (this.#finish = resolve))
  }

  call(id: string): void {
    if (this.#calls === 0) this.#startedAt = performance.now()
    this.#calls += 1
    this.#seen.add(id)
    if (this.#seen.size !== this.#total) return
    this.#endedAt = performance.now()
    this.#finish()
  }

  /** @throws when a job came twice */
  rate(who: string): number {
    if (this.#calls !== this.#total) throw new Error(`${who}: ${this.#calls} calls for ${this.#total} jobs`)
    return this.#total / ((this.#endedAt - this.#startedAt) / 1000)
  }
}

/** @returns jobs per second of `total` jobs in lanes that share them */
export async function inLanes(lanes: number, total: number, one: () => Promise<unknown>): Promise<number> {
  let left = total
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await one()
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: lanes }, lane))
  return total / ((performance.now() - startedAt) / 1000)
}
