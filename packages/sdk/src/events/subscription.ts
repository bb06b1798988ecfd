import { PandaError } from '../errors.ts'
import { ToldWorker } from '../lifecycle/told-worker.ts'
import { pause } from '../queue/clock.ts'
import type { Clock } from '../queue/clock.ts'
import { loadTracing } from '../queue/tracing.ts'
import type { Tracing } from '../queue/tracing.ts'
import type { Consumer, Delivery, EventDriver, Settlement } from './driver.ts'
import type { Attempt } from './event-context.ts'
import { FirstFill } from './first-fill.ts'
import { handleDelivery } from './handle-delivery.ts'
import type { HandlerEntry, PayloadReader } from './handle-delivery.ts'
import { keepClean } from './once/upkeep.ts'
import { matches } from './pattern.ts'

const RETRY_MS = 1000

export interface SubscriptionDeps {
  readonly name: string
  readonly order: 'none' | 'strict'
  readonly clock: Clock
  readonly driver: () => Promise<EventDriver>
  /** Null: payloads are not checked. */
  readonly types: PayloadReader | null
  readonly onError: (error: Error) => void
}

/** Of one subscription in this process, since it was opened. Plain numbers, read without any call to the broker. */
export interface SubscriptionMetrics {
  readonly deliveries: number
  /** Settled as handled, duplicates included. */
  readonly done: number
  /** Skipped, since `exactlyOnce` knew them. */
  readonly duplicates: number
  /** Failed attempts, whether tried again or not. */
  readonly failed: number
  readonly dead: number
  /** Right now. */
  readonly running: number
}

/** One consumer group as this process takes part in it: all its handlers, and one consumer that feeds them. */
export class Subscription {
  readonly name: string
  readonly #deps: SubscriptionDeps
  readonly #told: ToldWorker
  readonly #entries: HandlerEntry[] = []
  readonly #running = new Map<Delivery, { readonly done: Promise<void>; attempt: Attempt | null }>()
  readonly #counters = { deliveries: 0, done: 0, duplicates: 0, failed: 0, dead: 0 }
  readonly #stopCleaning: (() => Promise<void>)[] = []
  #tracing: Tracing | null = null
  readonly #closing = new AbortController()
  readonly #fill: FirstFill
  #consumer: Consumer | null = null
  #started: Promise<void> | null = null

  constructor(deps: SubscriptionDeps) {
    this.#deps = deps
    this.name = deps.name
    this.#told = new ToldWorker(`subscription ${deps.name}`)
    this.#fill = new FirstFill(deps.name)
  }

  get order(): 'none' | 'strict' {
    return this.#deps.order
  }

  /** @throws PandaError invalid_option for a pattern that has a handler already */
  add(entry: HandlerEntry): void {
    if (this.#entries.some(({ pattern }) => pattern === entry.pattern))
      throw new PandaError('invalid_option', `"${this.name}" has a handler for ${entry.pattern} already`)
    this.#entries.push(entry)
    const { clock, onError } = this.#deps
    if (entry.once !== null) this.#stopCleaning.push(keepClean(entry.once, clock, onError))
  }

  get metrics(): SubscriptionMetrics {
    return { ...this.#counters, running: this.#running.size }
  }

  /** Begins with all handlers that were added in this turn of the event loop, and again when one was added later. */
  start(): Promise<void> {
    const before = this.#started ?? Promise.resolve()
    this.#started = before.then(() => this.#apply())
    return this.#started
  }

  /** Takes no new events, waits for the running handlers, hands back what has not ended by then. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort()
    await this.#started?.catch(() => undefined) // told by start()
    await this.#consumer?.stop()
    const held = this.#running.size
    if (this.#consumer !== null) this.#told.draining(held)
    const over = new AbortController()
    await Promise.race([this.#idle(), pause(this.#deps.clock, graceMs, over.signal)])
    over.abort()
    const handedBack = this.#running.size
    for (const { attempt } of this.#running.values()) attempt?.stop()
    await this.#consumer?.close()
    await Promise.all(this.#stopCleaning.map((stop) => stop()))
    this.#told.drained(held - handedBack, handedBack)
  }

  /** Waits for a broker that is away, for as long as it takes; what is wrong for good is thrown. */
  async #apply(): Promise<void> {
    const patterns = this.#entries.map(({ pattern }) => pattern)
    while (!this.#closing.signal.aborted) {
      try {
        const driver = await this.#deps.driver()
        this.#tracing = await loadTracing()
        for (const { once } of this.#entries) await once?.prepare()
        await this.#fill.before(driver, this.#entries)
        await driver.apply({ name: this.name, patterns, order: this.#deps.order })
        await this.#fill.after(driver, this.#closing.signal)
        this.#consumer ??= await this.#consume(driver)
        await this.#consumer.setPrefetch(this.#prefetch())
        this.#told.registered()
        return
      } catch (error) {
        if (!(error instanceof PandaError) || error.code !== 'store_away') throw error
        this.#deps.onError(error)
        await pause(this.#deps.clock, RETRY_MS, this.#closing.signal)
      }
    }
  }

  #consume(driver: EventDriver): Promise<Consumer> {
    const onHealth = (consuming: boolean, error?: unknown): void => {
      if (!consuming) this.#deps.onError(error instanceof Error ? error : new Error(`"${this.name}" does not consume`))
    }
    return driver.consume(this.name, { prefetch: this.#prefetch(), onHealth }, (delivery) => this.#take(delivery))
  }

  #take(delivery: Delivery): void {
    const done = this.#handle(delivery).finally(() => this.#running.delete(delivery))
    this.#running.set(delivery, { done, attempt: null })
  }

  async #handle(delivery: Delivery): Promise<void> {
    const { clock, types, onError } = this.#deps
    this.#counters.deliveries += 1
    const settlement = await handleDelivery(delivery, {
      subscription: this.name,
      clock,
      closing: this.#closing.signal,
      tracing: this.#tracing,
      types,
      find: (type) => this.#entries.find(({ pattern }) => matches(pattern, type)),
      track: (of, attempt) => {
        const running = this.#running.get(of)
        if (running !== undefined) running.attempt = attempt
      },
      onDuplicate: () => (this.#counters.duplicates += 1),
      onError,
    })
    this.#count(settlement)
    try {
      const accepted = await delivery.settle(settlement)
      if (!accepted) onError(new Error(`An event of "${this.name}" was handled too late: it comes again`))
    } catch (error) {
      // It was not settled, so the broker delivers it again.
      onError(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #count({ kind }: Settlement): void {
    if (kind === 'done') this.#counters.done += 1
    if (kind === 'retry' || kind === 'dead') this.#counters.failed += 1
    if (kind === 'dead') this.#counters.dead += 1
  }

  /** As much as the handlers work on at a time: what is taken ahead waits here while another copy is idle. */
  #prefetch(): number {
    return Math.max(...this.#entries.map(({ plan }) => plan.concurrency))
  }

  async #idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ done }) => done))
  }
}
