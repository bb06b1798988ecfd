import { PandaError } from '../errors.ts'
import type { Store } from '../drivers/postgres/store.ts'
import { carry, type Lane } from './carry.ts'

export interface CarrierOptions {
  readonly onError?: (error: PandaError) => void
  readonly safetyMs?: number
}

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 5000

/** Empties one lane whenever it is woken, and now and then without. */
export class Carrier {
  readonly #store: Store
  readonly #lane: Lane
  readonly #options: CarrierOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isWoken = false
  #isClosed = false
  /** What is wrong has been said. */
  #isTroubled = false
  #retryMs = FIRST_RETRY_MS

  constructor(store: Store, lane: Lane, options: CarrierOptions) {
    this.#store = store
    this.#lane = lane
    this.#options = options
  }

  get table(): Lane['table'] {
    return this.#lane.table
  }

  async flush(): Promise<void> {
    while ((await carry(this.#store, this.#lane, true)) !== 0);
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  /** One pass at a time; a wake-up during a pass makes another one. */
  wake(): void {
    this.#isWoken = true
    if (this.#isClosed || this.#running !== undefined) return
    clearTimeout(this.#timer)
    this.#running = this.#pass().finally(() => (this.#running = undefined))
  }

  async #pass(): Promise<void> {
    let waitMs = this.#options.safetyMs ?? 5000
    try {
      while (this.#isWoken && !this.#isClosed) {
        this.#isWoken = false
        const carried = await carry(this.#store, this.#lane, false)
        // Another process is at it, and may have looked before what woke us was there.
        if (carried === null) waitMs = Math.min(waitMs, FIRST_RETRY_MS)
        else if (carried > 0) this.#isWoken = true
      }
      this.#retryMs = FIRST_RETRY_MS
      this.#isTroubled = false
    } catch (error) {
      waitMs = this.#retryMs
      this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2)
      this.#complain(
        error instanceof PandaError ? error : new PandaError('store_refused', String(error), { cause: error }),
      )
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => this.wake(), waitMs)
  }

  #complain(error: PandaError): void {
    const { onError } = this.#options
    try {
      if (onError !== undefined) return onError(error)
    } catch (failure) {
      process.emitWarning(`onError of the outbox failed: ${String(failure)}`, 'PandaWarning')
    }
    if (this.#isTroubled) return
    this.#isTroubled = true
    process.emitWarning(`the outbox (${this.#lane.table}) waits: ${error.message}`, 'PandaWarning')
  }
}
