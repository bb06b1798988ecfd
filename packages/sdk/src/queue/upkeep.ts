import type { KeepPolicy, QueueDriver } from './driver.ts'
import type { Glance } from './glance.ts'
import type { Counters } from './metrics.ts'
import { carryRelays } from './relay.ts'
import type { Rounds, Visited } from './rounds.ts'
import { fireDue } from './schedule-ticks.ts'
import type { Store } from './store.ts'

export interface UpkeepParts {
  readonly queue: string
  readonly store: Store
  readonly rounds: Rounds
  readonly driver: QueueDriver
  readonly counters: Counters
  readonly keep: KeepPolicy
  readonly onError: (error: unknown) => void
  /** The store has looked. `queued`: worth asking for work, in case a wake-up got lost. */
  readonly onLook: (queued: boolean) => void
}

/**
 * What no job asks for: jobs of dead workers taken back, due jobs moved, schedules fired, messages between flows carried
 * over. One queue's part of the rounds, which look at the time the store names, and every few seconds in case nothing was
 * named.
 */
export class Upkeep implements Visited {
  readonly queue: string
  #holdOffUntil = Number.NEGATIVE_INFINITY
  readonly #parts: UpkeepParts

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    this.queue = parts.queue
  }

  start(): void {
    this.#parts.rounds.join(this)
  }

  stop(): void {
    this.#parts.rounds.leave(this)
  }

  /** After an outage every lease looks old: their owners get the time of one lease to renew them. */
  reconnected(): void {
    const { clock, leaseMs } = this.#parts.store
    this.#holdOffUntil = clock.now() + leaseMs
    this.look()
  }

  look(): void {
    this.#parts.rounds.look(this)
  }

  failed(error: unknown): void {
    this.#parts.onError(error)
  }

  /** One step that fails (a schedule that cannot be read, a full store) does not keep the others from being done. */
  async visit(glance: Glance): Promise<number | null> {
    const { queue, driver, store, keep, onLook } = this.#parts
    onLook(glance.queued)
    const times = [glance.againInMs]
    if (glance.schedules) times.push(await this.#step(() => fireDue(driver, queue)))
    if (glance.relays) await this.#step(async () => void (await carryRelays(driver, queue, keep)))
    if (glance.maintain && store.clock.now() >= this.#holdOffUntil) times.push(await this.#step(() => this.#takeBack()))
    const first = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY))
    return Number.isFinite(first) ? first : null
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
