import type { KeepPolicy, QueueDriver } from './driver.ts'
import type { Counters } from './metrics.ts'
import { carryRelays } from './relay.ts'
import { fireDue } from './schedule-ticks.ts'
import type { Store } from './store.ts'

/** A worker that died is seen this much later than its lease ends, at most; spread so that workers do not look together. */
const LOOK_MS = 4_000
const SPREAD = 0.25

export interface UpkeepParts {
  readonly queue: string
  readonly store: Store
  readonly driver: QueueDriver
  readonly counters: Counters
  readonly keep: KeepPolicy
  readonly onError: (error: unknown) => void
  /** A look by the clock, not on demand: worth asking for work too, in case a wake-up got lost. */
  readonly onLook: () => void
}

/**
 * What no job asks for: jobs of dead workers taken back, due jobs moved, schedules fired, messages between flows carried
 * over. Looks at the time the store names, and every few seconds in case nothing was named.
 */
export class Upkeep {
  #cancel: (() => void) | null = null
  #looking = false
  #again = false
  #stopped = false
  #holdOffUntil = Number.NEGATIVE_INFINITY
  readonly #parts: UpkeepParts

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  start(): void {
    this.look()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  /** After an outage every lease looks old: their owners get the time of one lease to renew them. */
  reconnected(): void {
    const { clock, leaseMs } = this.#parts.store
    this.#holdOffUntil = clock.now() + leaseMs
    this.look()
  }

  look(): void {
    if (this.#looking) this.#again = true
    else if (!this.#stopped) void this.#look()
  }

  async #look(): Promise<void> {
    this.#looking = true
    this.#cancel?.()
    const next = await this.#round()
    this.#looking = false
    if (this.#stopped) return
    const again = this.#again
    this.#again = false
    if (again) return this.look()
    const usual = LOOK_MS * (1 + SPREAD * (2 * Math.random() - 1))
    this.#cancel = this.#parts.store.clock.after(Math.max(1, Math.min(usual, next ?? usual)), () => {
      this.#parts.onLook()
      this.look()
    })
  }

  /** One step that fails (a schedule that cannot be read, a full store) does not keep the others from being done. */
  async #round(): Promise<number | null> {
    const { queue, driver, store } = this.#parts
    const fired = await this.#step(() => fireDue(driver, queue))
    await this.#step(async () => void (await carryRelays(driver, queue, this.#parts.keep)))
    if (store.clock.now() < this.#holdOffUntil) return fired
    const again = await this.#step(() => this.#takeBack())
    return fired === null || again === null ? (fired ?? again) : Math.min(fired, again)
  }

  async #takeBack(): Promise<number | null> {
    const { queue, driver, counters, keep } = this.#parts
    const { recovered, againInMs } = await driver.maintain(queue, keep)
    counters.recovered += recovered
    return againInMs
  }

  /** @returns when the store wants to be looked at again, in ms */
  async #step(step: () => Promise<number | null | void>): Promise<number | null> {
    try {
      return (await step()) ?? null
    } catch (error) {
      this.#parts.onError(error)
      return null
    }
  }
}
