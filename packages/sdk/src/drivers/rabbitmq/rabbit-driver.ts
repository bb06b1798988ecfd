import { PandaError } from '../../errors.ts'
import type {
  ConsumeOptions,
  Consumer,
  DeadLetterChange,
  DeadLetterQuery,
  Delivery,
  EventCapabilities,
  EventDriver,
  LogPosition,
  LogQuery,
  SubscriptionSpec,
} from '../../events/driver.ts'
import type { EventEnvelope } from '../../events/envelope.ts'
import { addressOf } from './address.ts'
import { check } from './check.ts'
import { onChannel } from './channels.ts'
import { SubscriptionConsumer } from './consumer.ts'
import type { Core } from './core.ts'
import { changeDeadLetters, deadLetters } from './dead-letters.ts'
import { declare } from './declare.ts'
import { Link } from './link.ts'
import { Locks } from './lock.ts'
import { readLog, replay } from './log.ts'
import { outgoing } from './message.ts'
import { namesOf } from './names.ts'
import { type RabbitOptions, type RabbitSettings, settingsOf } from './options.ts'
import { Publisher } from './publisher.ts'
import { Registry } from './registry.ts'
import { registered, type RegisteredSubscription } from './registry-state.ts'
import { stats } from './stats.ts'
import { decodeStrict, type StrictState } from './strict-state.ts'
import { apply, pause, plan, restore, unsubscribe } from './subscriptions.ts'
import { consumeParts, publishParts } from './topology.ts'
import { unrouted } from './unrouted.ts'

/**
 * Events on RabbitMQ 3.10 or newer, without plugins. Connects at the first call.
 * @throws PandaError invalid_url
 */
export function rabbitMqDriver(options: RabbitOptions): EventDriver {
  return new RabbitDriver(settingsOf(options))
}

class RabbitDriver implements EventDriver {
  readonly capabilities: EventCapabilities
  readonly #core: Core
  readonly #publisher: Publisher
  readonly #registry: Registry
  readonly #consumers = new Map<Consumer, { readonly subscription: string; readonly held: () => number }>()
  readonly readLog?: NonNullable<EventDriver['readLog']>
  readonly replay?: NonNullable<EventDriver['replay']>

  constructor(settings: RabbitSettings) {
    this.capabilities = {
      name: 'rabbitmq',
      transactions: false,
      shared: true,
      strictOrder: true,
      log: settings.log !== null,
    }
    const link = new Link(addressOf(settings.url), settings)
    const names = namesOf(settings.prefix)
    const locks = new Locks(link, settings.waitMs)
    const declareAll = async (parts: Parameters<typeof declare>[2], signal?: AbortSignal) =>
      void (await declare(link, settings.waitMs, parts, signal))
    this.#publisher = new Publisher(link, {
      ...settings,
      ensureTopology: async () => declareAll(publishParts(names, settings)),
    })
    const send: Core['send'] = async (messages, signal) => this.#publisher.send(messages, signal)
    this.#registry = new Registry({ link, locks, names, waitMs: settings.waitMs, send })
    const ensureShared: Core['ensureShared'] = async (signal) =>
      declareAll([...publishParts(names, settings), ...consumeParts(names, settings)], signal)
    this.#core = { link, names, settings, locks, registry: this.#registry, send, ensureShared }
    if (settings.log === null) return
    this.readLog = (query: LogQuery, signal?: AbortSignal) => readLog(this.#core, query, signal)
    this.replay = async (name: string, from: LogPosition, signal?: AbortSignal) => {
      await this.#entry(name, signal)
      return replay(this.#core, name, from, signal)
    }
  }

  async check(signal?: AbortSignal) {
    return check(this.#core, signal)
  }

  async publish(events: readonly EventEnvelope[], signal?: AbortSignal): Promise<void> {
    const { names, settings, link } = this.#core
    const messages = events.map((event) => outgoing(names.entry, event))
    for (const { content, key } of messages) {
      if (content.length > settings.maxPayloadBytes)
        throw new PandaError(
          'payload_too_large',
          `The payload of ${key} has ${content.length} bytes; ${link.address.label} gets at most ${settings.maxPayloadBytes}.`,
        )
    }
    return this.#publisher.send(messages, signal)
  }

  async plan(subscription: SubscriptionSpec, signal?: AbortSignal) {
    return plan(this.#core, subscription, signal)
  }

  async apply(subscription: SubscriptionSpec, signal?: AbortSignal) {
    return apply(this.#core, subscription, signal)
  }

  async unsubscribe(name: string, signal?: AbortSignal): Promise<boolean> {
    return unsubscribe(this.#core, name, signal)
  }

  async consume(
    subscription: string,
    options: ConsumeOptions,
    onDelivery: (delivery: Delivery) => void,
  ): Promise<Consumer> {
    await this.#registry.follow()
    if (registered(this.#registry.state, subscription) === undefined) await this.#entry(subscription)
    const { link, names } = this.#core
    const consumer = new SubscriptionConsumer(
      {
        link,
        names,
        registry: this.#registry,
        send: async (messages) => this.#publisher.send(messages),
        restore: async (name) => restore(this.#core, name),
        loadStrict: async (name) => this.#loadStrict(name),
        onClosed: (closed) => this.#consumers.delete(closed),
      },
      subscription,
      options,
      onDelivery,
    )
    this.#consumers.set(consumer, { subscription, held: () => consumer.held })
    await consumer.start()
    return consumer
  }

  async subscriptions(signal?: AbortSignal): Promise<readonly string[]> {
    return Object.keys((await this.#registry.read(signal)).subscriptions).sort()
  }

  async stats(subscription: string, signal?: AbortSignal) {
    const entry = await this.#entry(subscription, signal)
    let held = 0
    for (const consumer of this.#consumers.values()) if (consumer.subscription === subscription) held += consumer.held()
    return stats(this.#core, subscription, entry, held, signal)
  }

  async pause(subscription: string, paused: boolean, signal?: AbortSignal): Promise<void> {
    if (!(await pause(this.#core, subscription, paused, signal))) throw this.#unknown(subscription)
  }

  async deadLetters(subscription: string, query: DeadLetterQuery, signal?: AbortSignal) {
    await this.#entry(subscription, signal)
    return deadLetters(this.#core, subscription, query, signal)
  }

  async changeDeadLetters(
    subscription: string,
    ids: readonly string[],
    change: DeadLetterChange,
    signal?: AbortSignal,
  ): Promise<readonly ('done' | 'not-found')[]> {
    await this.#entry(subscription, signal)
    return changeDeadLetters(this.#core, subscription, ids, change, signal)
  }

  async unrouted(signal?: AbortSignal) {
    return unrouted(this.#core, signal)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers.keys()].map(async (consumer) => consumer.close()))
    this.#registry.close()
    await this.#publisher.close()
    await this.#core.link.close()
  }

  async #entry(name: string, signal?: AbortSignal): Promise<RegisteredSubscription> {
    const entry = registered(await this.#registry.read(signal), name)
    if (entry === undefined) throw this.#unknown(name)
    return entry
  }

  #unknown(name: string): PandaError {
    return new PandaError('no_subscription', `${this.#core.link.address.label} has no subscription "${name}".`)
  }

  async #loadStrict(name: string): Promise<StrictState> {
    const { link, settings, names } = this.#core
    const queue = names.state(name)
    return onChannel(link, settings.waitMs, `reading ${queue}`, async (channel) => {
      const message = await channel.get(queue)
      return message === false ? new Map() : decodeStrict(message.content)
    })
  }
}
