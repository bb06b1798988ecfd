import { durationMs } from '../duration.ts'
import type { Duration } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { DEFAULT_PAYLOAD_LIMIT } from '../queue/json.ts'
import { viewDeadLetter, viewEvent, viewSubscription } from './admin-views.ts'
import type { DeadLetterView, EventTypeView, LoggedEventView, SubscriptionView } from './admin-views.ts'
import { checkName } from './app-name.ts'
import { findBrokerUrl } from './broker-url.ts'
import { changeLetters } from './change-letters.ts'
import type { ChangedLetters, ChangeOptions, LetterChoice } from './change-letters.ts'
import type {
  DeadLetterChange,
  DeadLetterQuery,
  EventDriver,
  LogPosition,
  LogQuery,
  SubscriptionSpec,
  TopologyChange,
  UnroutedStats,
} from './driver.ts'
import { Events } from './events.ts'
import { loadEventDriver } from './load-event-driver.ts'
import { findNamespace } from './namespace.ts'

export interface BrokerChoice {
  /** Default: as for `Events`. */
  readonly url?: string
  /** A driver that you made yourself; it stays yours: `close` does not close it. */
  readonly driver?: EventDriver
  /** First word of all names at the broker. Default: PANDA_EVENTS_NAMESPACE, else `panda`. */
  readonly namespace?: string
  /** How long a call waits for a broker that is away. Default 30 s. */
  readonly patience?: Duration
}

export interface AdminPublish {
  readonly key?: string
  /** Who publishes. Default `panda`. */
  readonly source?: string
}

/** At most so many subscriptions are asked for at once. */
const STATS_AT_ONCE = 8
const LETTERS_PAGE = 1000
const PATTERN = /^([A-Za-z0-9_-]+|\*|#)(\.([A-Za-z0-9_-]+|\*|#))*$/

/**
 * All subscriptions and events of one broker, for whoever looks after them: what `panda event`, `panda subscription`,
 * `panda deadletter`, `panda topology` and the server's API are made of. Answers are plain JSON. Every call rejects with
 * `PandaError` as the driver's own calls do, with `no_subscription` for a name that does not exist.
 */
export class EventAdmin {
  readonly #choice: BrokerChoice
  readonly #open: () => Promise<EventDriver>
  #driver: Promise<EventDriver> | null = null

  /** Connects at first use. @throws PandaError no_store, invalid_url, invalid_option */
  constructor(choice: BrokerChoice = {}) {
    this.#choice = choice
    const { driver, namespace, patience } = choice
    if (driver !== undefined) {
      this.#open = () => Promise.resolve(driver)
      return
    }
    const broker = findBrokerUrl(choice.url)
    const settings = {
      maxPayloadBytes: DEFAULT_PAYLOAD_LIMIT,
      ...findNamespace(namespace),
      ...(patience !== undefined && { waitMs: durationMs(patience, 'patience') }),
    }
    this.#open = () => loadEventDriver(broker, settings)
  }

  async publish(type: string, data: unknown, options: AdminPublish = {}): Promise<{ id: string; type: string }> {
    const { source = 'panda', key } = options
    const events = new Events({ driver: await this.#connected(), source, handleSignals: false })
    const { id } = await events.publish(type, data, key === undefined ? {} : { key })
    return { id, type }
  }

  /** Whether `log` and `replay` can be called. */
  async hasLog(): Promise<boolean> {
    return (await this.#connected()).readLog !== undefined
  }

  /** @throws PandaError no_log */
  async *log(query: LogQuery, signal?: AbortSignal): AsyncGenerator<LoggedEventView> {
    for (const pattern of query.patterns) checkPattern(pattern)
    const driver = await this.#connected()
    if (driver.readLog === undefined) throw noLog(driver)
    for await (const { offset, event } of driver.readLog(query, signal)) yield { ...viewEvent(event), offset }
  }

  /** @param from how far back the log is read */
  async types(from: LogPosition, signal?: AbortSignal): Promise<EventTypeView[]> {
    const { seenTypes } = await import('./seen-types.ts')
    return seenTypes(await this.#connected(), await this.subscriptions(), from, signal)
  }

  async unrouted(): Promise<UnroutedStats> {
    return (await this.#connected()).unrouted()
  }

  async names(): Promise<readonly string[]> {
    return (await this.#connected()).subscriptions()
  }

  async subscriptions(): Promise<SubscriptionView[]> {
    const names = await this.names()
    const views: SubscriptionView[] = []
    for (let i = 0; i < names.length; i += STATS_AT_ONCE)
      views.push(...(await Promise.all(names.slice(i, i + STATS_AT_ONCE).map((name) => this.subscription(name)))))
    return views
  }

  async subscription(name: string): Promise<SubscriptionView> {
    return viewSubscription(await (await this.#connected()).stats(name))
  }

  async pause(name: string, paused: boolean): Promise<SubscriptionView> {
    await (await this.#connected()).pause(name, paused)
    return this.subscription(name)
  }

  /** What waits in it and its dead letters go with it. */
  async delete(name: string): Promise<void> {
    if (!(await (await this.#connected()).unsubscribe(name))) throw noSubscription(name)
  }

  /** Delivers what the log has since then once more, to this subscription alone. @throws PandaError no_log */
  async replay(name: string, from: LogPosition, signal?: AbortSignal): Promise<{ events: number }> {
    const driver = await this.#connected()
    if (driver.replay === undefined) throw noLog(driver)
    return { events: await driver.replay(name, from, signal) }
  }

  /** Oldest first. */
  async deadLetters(
    name: string,
    query: DeadLetterQuery,
  ): Promise<{ items: DeadLetterView[]; nextCursor: string | null }> {
    const { letters, cursor } = await (await this.#connected()).deadLetters(name, query)
    return { items: letters.map((letter) => viewDeadLetter(name, letter)), nextCursor: cursor }
  }

  /** @throws PandaError letter_not_found */
  async deadLetter(name: string, id: string): Promise<DeadLetterView> {
    const driver = await this.#connected()
    let cursor: string | null = null
    do {
      const page = await driver.deadLetters(name, { limit: LETTERS_PAGE, ...(cursor !== null && { cursor }) })
      const found = page.letters.find((letter) => letter.id === id)
      if (found !== undefined) return viewDeadLetter(name, found)
      ;({ cursor } = page)
    } while (cursor !== null)
    throw letterNotFound(name, id)
  }

  /** Of these letters, in their order. */
  async change(
    name: string,
    ids: readonly string[],
    change: DeadLetterChange,
  ): Promise<readonly ('done' | 'not-found')[]> {
    return (await this.#connected()).changeDeadLetters(name, ids, change)
  }

  /** Many letters, rate-limited. Redrive delivers them anew, with all their attempts, to this subscription alone. */
  changeAll(
    name: string,
    kind: DeadLetterChange['kind'],
    choice: LetterChoice,
    options?: ChangeOptions,
  ): Promise<ChangedLetters> {
    const page = async (query: DeadLetterQuery) => {
      const { letters, cursor } = await (await this.#connected()).deadLetters(name, query)
      return { ids: letters.map(({ id }) => id), cursor }
    }
    return changeLetters({ page, change: (ids) => this.change(name, ids, { kind }) }, choice, options)
  }

  /** Redrives one letter with other data. @throws PandaError letter_not_found */
  async edit(name: string, id: string, data: unknown): Promise<void> {
    const [result] = await this.change(name, [id], { kind: 'redrive', data: JSON.stringify(data) })
    if (result !== 'done') throw letterNotFound(name, id)
  }

  /** What `apply` would change. */
  async plan(spec: SubscriptionSpec): Promise<readonly TopologyChange[]> {
    return (await this.#connected()).plan(checkSpec(spec))
  }

  async apply(spec: SubscriptionSpec): Promise<readonly TopologyChange[]> {
    return (await this.#connected()).apply(checkSpec(spec))
  }

  async close(): Promise<void> {
    if (this.#choice.driver === undefined) await (await this.#driver)?.close()
  }

  #connected(): Promise<EventDriver> {
    this.#driver ??= this.#open()
    return this.#driver
  }
}

function checkSpec(spec: SubscriptionSpec): SubscriptionSpec {
  checkName(spec.name, 'subscription')
  if (spec.patterns.length === 0) throw new PandaError('invalid_option', `"${spec.name}" has no pattern of event types`)
  for (const pattern of spec.patterns) checkPattern(pattern)
  return spec
}

function checkPattern(pattern: string): void {
  if (PATTERN.test(pattern) && pattern.length <= 255) return
  throw new PandaError('invalid_option', `"${pattern}" is no pattern of event types`, {
    hint: 'Use dotted words; "*" stands for one word, "#" for any number: order.*, user.#',
  })
}

function noLog({ capabilities }: EventDriver): PandaError {
  return new PandaError('no_log', `The broker (${capabilities.name}) keeps no event log`)
}

function noSubscription(name: string): PandaError {
  return new PandaError('no_subscription', `There is no subscription "${name}"`)
}

function letterNotFound(name: string, id: string): PandaError {
  return new PandaError('letter_not_found', `"${name}" has no dead letter ${id}`)
}
