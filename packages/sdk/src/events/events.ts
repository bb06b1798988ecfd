import { durationMs } from '../duration.ts'
import type { Duration } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { sqlRunnerOf } from '../drivers/postgres/transaction.ts'
import { defaultGraceMs } from '../lifecycle/default-grace.ts'
import { onShutdown } from '../lifecycle/shutdown.ts'
import { systemClock } from '../queue/clock.ts'
import type { Clock } from '../queue/clock.ts'
import { DEFAULT_PAYLOAD_LIMIT, encodeJson } from '../queue/json.ts'
import { loadTracing } from '../queue/tracing.ts'
import type { Carrier, Tracing } from '../queue/tracing.ts'
import { ulid } from '../queue/ulid.ts'
import { writeEventOutbox } from '../outbox/write.ts'
import { appName, checkName, publisherName } from './app-name.ts'
import { findBrokerUrl } from './broker-url.ts'
import type { EventDriver } from './driver.ts'
import type { EventEnvelope } from './envelope.ts'
import type { EventContext } from './event-context.ts'
import type { EventTypes } from './event-types.ts'
import { loadEventDriver } from './load-event-driver.ts'
import type { EventMap, PatternOf, PayloadOf } from './matching-types.ts'
import { findNamespace } from './namespace.ts'
import { planOnce } from './once/options.ts'
import type { TransactionOf } from './once/transaction-of.ts'
import { planSubscribe } from './subscribe-options.ts'
import type { InboxOptions, SubscribeOptions } from './subscribe-options.ts'
import { Subscription } from './subscription.ts'
import type { SubscriptionMetrics } from './subscription.ts'

export interface EventsOptions<P extends EventMap = EventMap, H extends EventMap = P> {
  /** `amqp://…`, `postgres://…`, `redis://…` or `memory:`. Default: PANDA_EVENTS_URL, else RABBITMQ_URL, AMQP_URL, DATABASE_URL, REDIS_URL. */
  readonly url?: string
  /** A driver that you made yourself; it stays yours: `close` does not close it. */
  readonly driver?: EventDriver
  /** Who publishes. Default: in a run of a cronjob its name (PANDA_CRONJOB), else the application's, as for subscriptions. */
  readonly source?: string
  /** Made by `defineEvents`: payloads are checked when they are published, and before a handler gets them. */
  readonly types?: EventTypes<P, H>
  /** First word of all names at the broker: one environment. Default: PANDA_EVENTS_NAMESPACE, else `panda`. */
  readonly namespace?: string
  /** How long a publish waits for a broker that is away before it fails with `store_away`. Default 30 s. */
  readonly patience?: Duration
  /** Bytes of JSON that a payload may have. Default 262,144 (256 KiB). */
  readonly payloadLimit?: number
  /** Schema of the outbox for `publish(…, { tx })`: as that of `startOutbox`. Default `panda_queue`. */
  readonly outboxSchema?: string
  /** At SIGTERM and SIGINT close with the default grace, then end the process. Default true. */
  readonly handleSignals?: boolean
  /** What goes wrong outside of handlers, such as a broker that is away. Default: a process warning. */
  readonly onError?: (error: Error) => void
  /** For tests. */
  readonly clock?: Clock
}

export interface PublishOptions {
  /** Events of one key keep their order where a subscription asks for it. */
  readonly key?: string
  /**
   * The event exists if your transaction commits: of pg, postgres.js, Kysely, Drizzle or Prisma. A broker that cannot take
   * part gets it by the outbox of that database, which `startOutbox` carries over. `publish` then resolves when it is
   * written, and needs no broker.
   */
  readonly tx?: object
  readonly signal?: AbortSignal
}

const TYPE = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/
const PATTERN = /^([A-Za-z0-9_-]+|\*|#)(\.([A-Za-z0-9_-]+|\*|#))*$/

/**
 * Something happened, and several systems must know: one process publishes, every subscription gets every event that it asked
 * for once, copies of one subscription share them. An event that was published survives a restart of the broker and waits
 * for a consumer that is down.
 */
export class Events<P extends EventMap = EventMap, H extends EventMap = P> {
  readonly #options: EventsOptions<P, H>
  readonly #clock: Clock
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #open: () => Promise<EventDriver>
  #driver: Promise<EventDriver> | null = null
  #source: string | null
  #tracing: Tracing | null = null
  #endShutdown: (() => void) | null = null
  #closed: Promise<void> | null = null

  /** Connects at first use. @throws PandaError no_store, invalid_url, invalid_option */
  constructor(options: EventsOptions<P, H> = {}) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#source = options.source ?? null
    const { driver } = options
    if (driver !== undefined) {
      this.#open = () => Promise.resolve(driver)
      return
    }
    const broker = findBrokerUrl(options.url)
    const settings = {
      maxPayloadBytes: options.payloadLimit ?? DEFAULT_PAYLOAD_LIMIT,
      ...findNamespace(options.namespace),
      ...(options.patience !== undefined && { waitMs: durationMs(options.patience, 'patience') }),
    }
    this.#open = () => loadEventDriver(broker, settings)
  }

  /**
   * Resolves once the broker has the event for every subscription that matches. One that nobody is subscribed to is kept,
   * and delivered when its first subscription appears.
   * @throws PandaError invalid_option, unknown_type, invalid_payload, not_json, payload_too_large, store_away (after
   * `patience`), store_refused (there is no outbox in the database of `tx`), closed
   */
  async publish<T extends keyof P & string>(
    type: T,
    data: P[T],
    options: PublishOptions = {},
  ): Promise<{ id: string }> {
    this.#assertOpen()
    if (!TYPE.test(type) || type.length > 255)
      throw new PandaError('invalid_option', `"${type}" is no event type`, {
        hint: 'Use words of letters, digits, "_" and "-", joined by dots, at most 255 characters: user.signed_up',
      })
    const what = `the payload of ${type}`
    const dataVersion = (await this.#options.types?.check(type, data)) ?? null
    const id = ulid()
    const envelope = {
      id,
      type,
      source: this.#sourceName(),
      time: new Date(this.#clock.wall()).toISOString(),
      data: encodeJson(data, what, this.#options.payloadLimit ?? DEFAULT_PAYLOAD_LIMIT),
      dataVersion,
      key: options.key ?? null,
      traceparent: null,
      tracestate: null,
    }
    this.#tracing ??= await loadTracing()
    if (this.#tracing?.active() !== true) await this.#send(envelope, options)
    else await this.#tracing.publishing(type, (carrier) => this.#send({ ...envelope, ...traceOf(carrier) }, options))
    return { id }
  }

  /**
   * Handles events from now on, until `close`. `*` in a pattern stands for one word, `#` for any number of words.
   * @returns resolves once the subscription exists at the broker; a broker that is away is waited for
   * @throws PandaError (rejects) invalid_option, no_log, unauthorized, no_permission …
   */
  subscribe<T extends PatternOf<H>>(
    pattern: T,
    handler: (payload: PayloadOf<H, T>, event: EventContext) => unknown,
  ): Promise<void>
  subscribe<T extends PatternOf<H>, D extends object>(
    pattern: T,
    options: InboxOptions<D>,
    handler: (payload: PayloadOf<H, T>, event: EventContext & { readonly tx: TransactionOf<D> }) => unknown,
  ): Promise<void>
  subscribe<T extends PatternOf<H>>(
    pattern: T,
    options: SubscribeOptions,
    handler: (payload: PayloadOf<H, T>, event: EventContext) => unknown,
  ): Promise<void>
  async subscribe(pattern: string, ...rest: readonly unknown[]): Promise<void> {
    this.#assertOpen()
    const [options, handler] = (rest.length > 1 ? rest : [{}, rest[0]]) as [SubscribeOptions, () => unknown]
    if (typeof handler !== 'function') throw new PandaError('invalid_option', `subscribe("${pattern}") has no handler`)
    if (!PATTERN.test(pattern)) throw new PandaError('invalid_option', `"${pattern}" is no pattern of event types`)
    const plan = planSubscribe(options, this.#clock.wall())
    const subscription = this.#subscription(options)
    const { exactlyOnce } = options
    const once = exactlyOnce === undefined ? null : planOnce(exactlyOnce, subscription.name, this.#onError)
    subscription.add({ pattern, handler, plan, once })
    if (this.#options.handleSignals !== false) this.#endShutdown ??= onShutdown(() => this.close())
    await subscription.start()
  }

  /** What this process has done with each subscription, by name. */
  metrics(): Readonly<Record<string, SubscriptionMetrics>> {
    return Object.fromEntries([...this.#subscriptions].map(([name, { metrics }]) => [name, metrics]))
  }

  /** Takes no new events, lets handlers finish within the grace (default 30 s), hands the rest back at once. */
  close(options: { readonly grace?: Duration } = {}): Promise<void> {
    this.#closed ??= this.#close(options.grace === undefined ? defaultGraceMs() : durationMs(options.grace, 'grace'))
    return this.#closed
  }

  async #close(graceMs: number): Promise<void> {
    this.#endShutdown?.()
    await Promise.all([...this.#subscriptions.values()].map((subscription) => subscription.close(graceMs)))
    if (this.#options.driver === undefined) await (await this.#driver)?.close()
  }

  #subscription(options: SubscribeOptions): Subscription {
    const { subscription: given, order = 'none' } = options
    const name = given === undefined ? appName() : checkName(given, 'subscription')
    const known = this.#subscriptions.get(name)
    if (known !== undefined) {
      if (known.order === order) return known
      throw new PandaError('invalid_option', `"${name}" is subscribed with order "${known.order}" already`)
    }
    const made = new Subscription({
      name,
      order,
      clock: this.#clock,
      driver: () => this.#connected(),
      types: this.#options.types ?? null,
      onError: this.#onError,
    })
    this.#subscriptions.set(name, made)
    return made
  }

  async #send(envelope: EventEnvelope, { tx, signal }: PublishOptions): Promise<void> {
    const driver = await this.#connected()
    if (tx === undefined) return driver.publish([envelope], signal)
    if (driver.publishWithin !== undefined) return driver.publishWithin(sqlRunnerOf(tx), [envelope])
    return writeEventOutbox(tx, driver.capabilities.name, envelope, this.#options.outboxSchema)
  }

  readonly #onError = (error: Error): void => {
    const { onError } = this.#options
    if (onError === undefined) process.emitWarning(error.message, 'PandaWarning')
    else onError(error)
  }

  #connected(): Promise<EventDriver> {
    this.#driver ??= this.#open()
    return this.#driver
  }

  #sourceName(): string {
    this.#source ??= publisherName()
    return this.#source
  }

  #assertOpen(): void {
    if (this.#closed !== null) throw new PandaError('closed', 'These events were closed')
  }
}

function traceOf(carrier: Carrier | undefined): Pick<EventEnvelope, 'traceparent' | 'tracestate'> {
  return { traceparent: carrier?.['traceparent'] ?? null, tracestate: carrier?.['tracestate'] ?? null }
}
