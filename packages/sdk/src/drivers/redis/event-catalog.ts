import type {
  EventCapabilities,
  LoggedEvent,
  LogPosition,
  SubscriptionSpec,
  UnroutedStats,
} from '../../events/driver.ts'
import type { EventEnvelope } from '../../events/envelope.ts'
import { LOG_EVENTS, UNROUTED_EVENTS } from '../queue-events/catalog.ts'
import type { EventCatalog, LogPage } from '../queue-events/catalog.ts'
import { decodeEvent, encodeEvent, queueOf } from '../queue-events/delivery-queue.ts'
import { loadClient } from './client.ts'
import { Connection } from './connection.ts'
import { publishScript, putScript, unroutedScript } from './lua/events.ts'
import type { RedisSettings } from './options.ts'
import { Script } from './script.ts'
import { Store } from './store.ts'
import { Subscriber } from './subscriber.ts'

const CAPABILITIES: EventCapabilities = {
  name: 'redis',
  transactions: false,
  shared: true,
  strictOrder: true,
  log: true,
}
/** A publish that is repeated within this time does not publish twice. */
const REMEMBERED_MS = 600_000
/** What one script writes at most: others wait for it. */
const MOST_EVENTS = 500
const TIME_PAGE = 1000

const publishing = new Script(publishScript)
const putting = new Script(putScript)
const counting = new Script(unroutedScript)

interface Stored {
  readonly patterns: readonly string[]
  readonly strict: boolean
  readonly prefix: string
}
interface Parts {
  readonly store: Store
  readonly subscriber: Subscriber
}

export function openRedisCatalog(settings: RedisSettings): EventCatalog {
  return new RedisCatalog(settings)
}

/** The light version: one server, not a cluster; as durable as its settings make it. */
class RedisCatalog implements EventCatalog {
  readonly capabilities = CAPABILITIES
  readonly #settings: RedisSettings
  readonly #prefix: string
  #opened: Promise<Parts> | null = null

  constructor(settings: RedisSettings) {
    this.#settings = settings
    this.#prefix = `${settings.prefix}:events:`
  }

  async publish(events: readonly EventEnvelope[], signal?: AbortSignal): Promise<void> {
    for (let first = 0; first < events.length; first += MOST_EVENTS) {
      const some = events.slice(first, first + MOST_EVENTS)
      const args = some.flatMap((event) => [
        event.id,
        event.type,
        event.key === null ? '-' : `+${event.key}`,
        encodeEvent(event),
      ])
      await this.#run(publishing, [LOG_EVENTS, UNROUTED_EVENTS, REMEMBERED_MS, ...args], signal)
    }
  }

  deliveryId(eventId: string, subscription: string): string {
    return `${eventId}/${subscription}`
  }

  async find(name: string, signal?: AbortSignal): Promise<SubscriptionSpec | null> {
    const { connection } = (await this.#parts()).store
    const text = await connection.call(async (redis) => redis.hget(`${this.#prefix}subs`, name), signal)
    if (text === null) return null
    const { patterns, strict } = JSON.parse(text) as Stored
    return { name, patterns, order: strict ? 'strict' : 'none' }
  }

  async names(signal?: AbortSignal): Promise<readonly string[]> {
    const { connection } = (await this.#parts()).store
    return (await connection.call(async (redis) => redis.hkeys(`${this.#prefix}subs`), signal)).sort()
  }

  async put({ name, patterns, order }: SubscriptionSpec, signal?: AbortSignal): Promise<void> {
    const { store } = await this.#parts()
    const queue = queueOf(name)
    await store.register(queue)
    const stored: Stored = {
      patterns: [...new Set(patterns)],
      strict: order === 'strict',
      prefix: store.prefixOf(queue),
    }
    await this.#run(putting, [name, JSON.stringify(stored)], signal)
  }

  async remove(name: string, signal?: AbortSignal): Promise<boolean> {
    const { connection } = (await this.#parts()).store
    return (await connection.call(async (redis) => redis.hdel(`${this.#prefix}subs`, name), signal)) === 1
  }

  async unrouted(signal?: AbortSignal): Promise<UnroutedStats> {
    const answer = (await this.#run(counting, [], signal)) as (string | number)[]
    const types: [string, number][] = []
    let oldestMs: number | null = null
    for (let at = 0; at < answer.length; at += 3) {
      types.push([String(answer[at]), Number(answer[at + 1])])
      oldestMs = Math.max(oldestMs ?? 0, Number(answer[at + 2]))
    }
    return { count: types.reduce((sum, [, count]) => sum + count, 0), types: Object.fromEntries(types), oldestMs }
  }

  /** The scripts keep to the bounds themselves, and nobody publishes past a subscription that is being made. */
  maintain(): Promise<void> {
    return Promise.resolve()
  }

  async logPage(from: LogPosition, limit: number, signal?: AbortSignal): Promise<LogPage> {
    const { connection } = (await this.#parts()).store
    const last = Number((await connection.call(async (redis) => redis.get(`${this.#prefix}n`), signal)) ?? 0)
    if ('offset' in from) return { events: await this.#range(from.offset, limit, signal), final: last, last }
    for (let offset = 0; ;) {
      const page = await this.#range(offset, TIME_PAGE, signal)
      const first = page.find(({ event }) => Date.parse(event.time) >= from.time)
      if (first !== undefined) return { events: await this.#range(first.offset, limit, signal), final: last, last }
      const end = page.at(-1)
      if (end === undefined) return { events: [], final: last, last }
      offset = end.offset + 1
    }
  }

  async onLogged(listener: () => void): Promise<() => void> {
    return (await this.#parts()).subscriber.listen([''], listener)
  }

  async close(): Promise<void> {
    const parts = await this.#opened?.catch(() => null)
    if (parts === null || parts === undefined) return
    await Promise.all([parts.subscriber.close(), parts.store.connection.close()])
  }

  async #range(offset: number, limit: number, signal?: AbortSignal): Promise<LoggedEvent[]> {
    const { connection } = (await this.#parts()).store
    const start = `${Math.max(0, Math.floor(offset))}-0`
    const rows = await connection.call(
      async (redis) => redis.xrange(`${this.#prefix}log`, start, '+', 'COUNT', limit),
      signal,
    )
    return rows.flatMap(([id, [, body = '']]) => {
      const event = decodeEvent(body)
      return event === null ? [] : [{ offset: Number(id.split('-')[0]), event }]
    })
  }

  async #run(script: Script, args: readonly (string | number)[], signal?: AbortSignal): Promise<unknown> {
    const { connection } = (await this.#parts()).store
    return connection.call(async (redis) => script.run(redis, this.#prefix, args), signal)
  }

  #parts(): Promise<Parts> {
    this.#opened ??= this.#open()
    return this.#opened
  }

  async #open(): Promise<Parts> {
    const make = await loadClient()
    const store = new Store(
      new Connection(make, this.#settings, { onRestored: () => store.forgetRegistered() }),
      this.#settings.prefix,
    )
    const subscriber = new Subscriber(make, this.#settings, () => `${this.#prefix}signals`)
    return { store, subscriber }
  }
}
