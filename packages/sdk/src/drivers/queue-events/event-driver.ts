import type {
  ConsumeOptions,
  Consumer,
  DeadLetterChange,
  DeadLetterQuery,
  Delivery,
  EventCapabilities,
  EventDriver,
  LoggedEvent,
  LogPosition,
  LogQuery,
  SubscriptionSpec,
  SubscriptionStats,
  TopologyChange,
  UnroutedStats,
} from '../../events/driver.ts'
import type { EventEnvelope } from '../../events/envelope.ts'
import { PandaError } from '../../errors.ts'
import { AddLane } from '../../queue/add-lane.ts'
import type { NewJob, QueueDriver } from '../../queue/driver.ts'
import type { Store } from '../../queue/store.ts'
import { releaseStore, useStore } from '../../queue/stores.ts'
import type { StoreChoice } from '../../queue/stores.ts'
import type { EventCatalog } from './catalog.ts'
import { SubscriptionConsumer } from './consumer.ts'
import { changeDeadLetters, deadLetters, emptyQueue } from './dead-letters.ts'
import { queueOf } from './delivery-queue.ts'
import { readLog } from './log.ts'
import { planChanges } from './plan.ts'
import { replay } from './replay.ts'

export interface QueueEventOptions {
  /** The engine of the store; closed with the event driver. */
  readonly driver: QueueDriver
  readonly catalog: EventCatalog
  /** How long a call waits for a store that is away before it fails with `store_away`, in ms. Default 30 s. */
  readonly waitMs?: number
  /** One event's payload at most, in bytes. Default 8 MiB. */
  readonly maxPayloadBytes?: number
  /** As of queues. Default: a lease of 10 s, renewed every 3 s. */
  readonly lease?: Pick<StoreChoice, 'lease' | 'heartbeat' | 'clock'>
}

const MOST_BYTES = 8 * 1_048_576

/**
 * Events on the queue engine: a subscription is a queue, its deliveries are jobs. Leases, fences, crash counts, retries, dead
 * letters, pause and wake-ups are the engine's; which subscriptions there are, and the log, the catalog's.
 */
export function openQueueEvents(options: QueueEventOptions): EventDriver {
  return new QueueEventDriver(options)
}

class QueueEventDriver implements EventDriver {
  readonly capabilities: EventCapabilities
  readonly publishWithin?: NonNullable<EventDriver['publishWithin']>
  readonly #catalog: EventCatalog
  readonly #driver: QueueDriver
  readonly #choice: StoreChoice
  readonly #store: Store
  readonly #lane: AddLane<EventEnvelope, null>
  readonly #maxBytes: number
  readonly #consumers = new Set<SubscriptionConsumer>()
  #closed: Promise<void> | null = null

  constructor({ driver, catalog, waitMs = 30_000, maxPayloadBytes = MOST_BYTES, lease }: QueueEventOptions) {
    this.#catalog = catalog
    this.#driver = driver
    this.#maxBytes = maxPayloadBytes
    this.capabilities = catalog.capabilities
    // What its settings can lose is told by `check`; nobody could say yes to it here.
    this.#choice = { driver, patience: waitMs, allowUnsafeStore: true, ...lease }
    this.#store = useStore(this.#choice)
    this.#lane = new AddLane(
      async (events, since) => {
        await this.#store.call('publish events', (_, signal) => catalog.publish(events, signal), { since })
        return events.map(() => null)
      },
      () => this.#store.clock.now(),
      1,
    )
    const within = catalog.publishWithin?.bind(catalog)
    if (within === undefined) return
    this.publishWithin = async (transaction, events) => {
      this.#check(events)
      if (events.length > 0) await within(transaction, events)
    }
  }

  async check(signal?: AbortSignal) {
    return this.#call('check the store', (driver) => driver.check(signal))
  }

  async publish(events: readonly EventEnvelope[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.#check(events)
    await unlessAborted(Promise.all(events.map((event) => this.#lane.add(event))), signal)
  }

  async plan(subscription: SubscriptionSpec, signal?: AbortSignal): Promise<readonly TopologyChange[]> {
    const before = await this.#call('read subscriptions', () => this.#catalog.find(subscription.name, signal))
    return planChanges(before, subscription)
  }

  async apply(subscription: SubscriptionSpec, signal?: AbortSignal): Promise<readonly TopologyChange[]> {
    const changes = await this.plan(subscription, signal)
    if (changes.length > 0)
      await this.#call(`apply the subscription ${subscription.name}`, () => this.#catalog.put(subscription, signal))
    return changes
  }

  async unsubscribe(name: string, signal?: AbortSignal): Promise<boolean> {
    return this.#call(`end the subscription ${name}`, async (driver) => {
      if (!(await this.#catalog.remove(name, signal))) return false
      await emptyQueue(driver, name, signal)
      await driver.configure(queueOf(name), { paused: false }, signal)
      return true
    })
  }

  async consume(
    subscription: string,
    options: ConsumeOptions,
    onDelivery: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    await this.#existing(subscription)
    const parts = {
      ...(await this.#store.parts()),
      store: this.#store,
      queue: queueOf(subscription),
      onLook: () => void this.#maintain(),
      onClosed: (closed: SubscriptionConsumer) => void this.#consumers.delete(closed),
    }
    const consumer = new SubscriptionConsumer(parts, options, onDelivery)
    this.#consumers.add(consumer)
    try {
      await consumer.start()
    } catch (error) {
      this.#consumers.delete(consumer)
      throw error
    }
    return consumer
  }

  async subscriptions(signal?: AbortSignal): Promise<readonly string[]> {
    return this.#call('list subscriptions', () => this.#catalog.names(signal))
  }

  async stats(subscription: string, signal?: AbortSignal): Promise<SubscriptionStats> {
    const { name, patterns, order } = await this.#existing(subscription, signal)
    const { counts, settings, workers, oldestQueuedMs } = await this.#call(`read figures of ${name}`, (driver) =>
      driver.stats(queueOf(name), signal),
    )
    return {
      name,
      patterns,
      order,
      paused: settings.paused,
      waiting: counts.queued,
      taken: counts.running,
      retrying: counts.retrying,
      dead: counts.dead,
      // A paused one gives nothing to anybody.
      consumers: settings.paused ? 0 : workers.length,
      oldestMs: oldestQueuedMs,
    }
  }

  async pause(subscription: string, paused: boolean, signal?: AbortSignal): Promise<void> {
    await this.#existing(subscription, signal)
    await this.#call(`pause ${subscription}`, (driver) => driver.configure(queueOf(subscription), { paused }, signal))
  }

  async deadLetters(subscription: string, query: DeadLetterQuery, signal?: AbortSignal) {
    await this.#existing(subscription, signal)
    const what = `list dead letters of ${subscription}`
    return this.#call(what, (driver) => deadLetters(driver, subscription, query, signal))
  }

  async changeDeadLetters(
    subscription: string,
    ids: readonly string[],
    change: DeadLetterChange,
    signal?: AbortSignal,
  ): Promise<readonly ('done' | 'not-found')[]> {
    await this.#existing(subscription, signal)
    const what = `${change.kind} dead letters of ${subscription}`
    return this.#call(what, (driver) =>
      changeDeadLetters({ driver, catalog: this.#catalog }, subscription, ids, change, signal),
    )
  }

  async unrouted(signal?: AbortSignal): Promise<UnroutedStats> {
    return this.#call('count events without subscription', () => this.#catalog.unrouted(signal))
  }

  async *readLog(query: LogQuery, signal?: AbortSignal): AsyncGenerator<LoggedEvent> {
    await this.#call('read the log', () => Promise.resolve())
    yield* readLog(this.#catalog, this.#store.clock, query, signal)
  }

  async replay(subscription: string, from: LogPosition, signal?: AbortSignal): Promise<number> {
    const spec = await this.#existing(subscription, signal)
    const add = (jobs: readonly NewJob[]) =>
      this.#call(`replay events to ${subscription}`, (driver) => driver.add(queueOf(subscription), jobs, signal))
    return replay({ catalog: this.#catalog, clock: this.#store.clock, add }, spec, from, signal)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#lane.settled()
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    await releaseStore(this.#store, this.#choice)
    await this.#catalog.close()
    await this.#driver.close()
  }

  #call<T>(what: string, call: (driver: QueueDriver) => Promise<T>): Promise<T> {
    this.#assertOpen()
    return this.#store.call(what, (driver) => call(driver))
  }

  async #existing(name: string, signal?: AbortSignal): Promise<SubscriptionSpec> {
    const found = await this.#call('read subscriptions', () => this.#catalog.find(name, signal))
    if (found !== null) return found
    throw new PandaError('no_subscription', `There is no subscription "${name}" on ${this.capabilities.name}.`)
  }

  async #maintain(): Promise<void> {
    // Whoever looks next tries again; an outage is told by the consumer itself.
    await this.#catalog.maintain().catch(() => undefined)
  }

  #check(events: readonly EventEnvelope[]): void {
    this.#assertOpen()
    for (const { type, key, source, id, data } of events) {
      if (data.length > this.#maxBytes / 3 && Buffer.byteLength(data) > this.#maxBytes)
        throw new PandaError('payload_too_large', `The payload of ${type} has more than ${this.#maxBytes} bytes.`)
      if (`${type}${key ?? ''}${source}${id}`.includes('\0'))
        throw new PandaError(
          'invalid_option',
          `The type, key, source or id of event ${JSON.stringify(id)} has a NUL in it.`,
        )
    }
  }

  #assertOpen(): void {
    if (this.#closed !== null) throw new PandaError('closed', 'These events were closed by this process.')
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    work.finally(() => signal.removeEventListener('abort', stop)).then(resolve, reject)
  })
}
