import type { EventCapabilities, LogPosition, SubscriptionSpec, UnroutedStats } from '../../events/driver.ts'
import type { EventEnvelope } from '../../events/envelope.ts'
import type { SqlRunner } from '../../queue/driver.ts'
import { LOG_AGE_MS, LOG_EVENTS, UNROUTED_EVENTS } from '../queue-events/catalog.ts'
import type { EventCatalog, LogPage } from '../queue-events/catalog.ts'
import { decodeEvent, deliveryIdOf, encodeEvent, queueOf, timeDigits } from '../queue-events/delivery-queue.ts'
import { EventLogBell } from './event-bell.ts'
import { patternColumns } from './event-patterns.ts'
import { channelPrefix, eventsChannel } from './migrate.ts'
import type { Store } from './store.ts'
import { sqlRunnerOf } from './transaction.ts'

const CAPABILITIES: EventCapabilities = {
  name: 'postgres',
  transactions: true,
  shared: true,
  strictOrder: true,
  log: true,
}
/** One statement's events at most: more would leave no numbers for their order (see schema/tables.ts). */
const MOST_EVENTS = 1000
/** Whoever publishes looks after the bounds, too, once in so many events: there may be no consumer that does. */
const MAINTAIN_EVERY = 2000

/** Catalog in the schema of the queues; `close` closes the store. */
export function openPostgresCatalog(store: Store): EventCatalog {
  return new PostgresCatalog(store)
}

class PostgresCatalog implements EventCatalog {
  readonly capabilities = CAPABILITIES
  readonly #store: Store
  readonly #bell: EventLogBell

  constructor(store: Store) {
    this.#store = store
    this.#bell = new EventLogBell(store)
  }

  async publish(events: readonly EventEnvelope[], signal?: AbortSignal): Promise<void> {
    for (let first = 0; first < events.length; first += MOST_EVENTS) {
      const some = events.slice(first, first + MOST_EVENTS)
      const [row] = await this.#store.run(
        {
          name: 'panda_event_publish_1',
          text: `select {s}.event_publish_1(false, $1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::text[]) as queues`,
          values: columnsOf(some),
          doing: `publish ${some.length} events`,
        },
        signal,
      )
      await this.#wake((row?.['queues'] ?? []) as readonly number[])
      // A failure is not the publisher's: whoever comes next looks again.
      if (Math.random() * MAINTAIN_EVERY < some.length) void this.maintain().catch(() => undefined)
    }
  }

  async publishWithin(transaction: object, events: readonly EventEnvelope[]): Promise<void> {
    const run: SqlRunner = sqlRunnerOf(transaction)
    const [, , types, keys] = columnsOf(events)
    await this.#store.run({
      text: 'select {s}.event_prepare_1($1::text[], $2::text[])',
      values: [types, keys],
      doing: 'prepare the publishing of events',
    })
    for (let first = 0; first < events.length; first += MOST_EVENTS) {
      const rows = events.slice(first, first + MOST_EVENTS).map(rowOf)
      await run(`select ${this.#store.schema}.event_publish_within_1($1::text::json)::text as done`, [
        JSON.stringify(rows),
      ])
    }
  }

  deliveryId(eventId: string, subscription: string): string {
    return deliveryIdOf(eventId, subscription)
  }

  async find(name: string, signal?: AbortSignal): Promise<SubscriptionSpec | null> {
    const text = 'select name, patterns, in_order from {s}.event_subscriptions where name = $1'
    const [row] = await this.#store.run({ text, values: [name], doing: `look up the subscription ${name}` }, signal)
    if (row === undefined) return null
    return { name, patterns: row['patterns'] as string[], order: row['in_order'] === true ? 'strict' : 'none' }
  }

  async names(signal?: AbortSignal): Promise<readonly string[]> {
    const text = 'select name from {s}.event_subscriptions order by name collate "C"'
    const rows = await this.#store.run({ text, doing: 'list the subscriptions' }, signal)
    return rows.map((row) => String(row['name']))
  }

  async put({ name, patterns, order }: SubscriptionSpec, signal?: AbortSignal): Promise<void> {
    const unique = [...new Set(patterns)]
    const { exact, expression } = patternColumns(unique)
    await this.#store.run(
      {
        text: 'select {s}.event_put_1($1, $2::int4, $3::text[], $4::text[], $5, $6::boolean)',
        values: [name, await this.#store.queue(queueOf(name)), unique, exact, expression, order === 'strict'],
        doing: `apply the subscription ${name}`,
      },
      signal,
    )
    // What is being published just now may not have seen it: that is looked after here, and again by whoever comes next.
    await this.maintain(signal)
  }

  async remove(name: string, signal?: AbortSignal): Promise<boolean> {
    const text = 'delete from {s}.event_subscriptions where name = $1 returning name'
    const rows = await this.#store.run({ text, values: [name], doing: `end the subscription ${name}` }, signal)
    return rows.length > 0
  }

  async unrouted(signal?: AbortSignal): Promise<UnroutedStats> {
    const text = `select type, count(*) as count, max(({s}.stamp() - at) >> 12) / 1000 as oldest from {s}.event_unrouted group by type`
    const rows = await this.#store.run({ text, doing: 'count events without subscription' }, signal)
    const counts = rows.map((row) => [String(row['type']), Number(row['count'])] as const)
    return {
      count: counts.reduce((sum, [, count]) => sum + count, 0),
      types: Object.fromEntries(counts),
      oldestMs: rows.length === 0 ? null : Math.max(0, ...rows.map((row) => Number(row['oldest']))),
    }
  }

  async maintain(signal?: AbortSignal): Promise<void> {
    await this.#store.run(
      {
        text: 'select {s}.event_maintain_1($1::int8, $2::int8, $3::int8)',
        values: [LOG_EVENTS, LOG_AGE_MS, UNROUTED_EVENTS],
        doing: 'look after the log of events',
      },
      signal,
    )
  }

  async logPage(from: LogPosition, limit: number, signal?: AbortSignal): Promise<LogPage> {
    const doing = 'read the log of events'
    const [horizon] = await this.#store.run({ text: 'select final, last from {s}.event_horizon_1()', doing }, signal)
    const [final, last] = [Number(horizon?.['final']), Number(horizon?.['last'])]
    const start =
      'offset' in from ? '$1::int8' : '(select n from {s}.event_log where time >= $1::int8 order by n limit 1)'
    const text = `select n, body from {s}.event_log where n >= ${start} and n <= $2::int8 order by n limit $3::int4`
    const at = Math.floor('offset' in from ? from.offset : from.time)
    const rows = await this.#store.run({ text, values: [at, final, limit], doing }, signal)
    const events = rows.flatMap((row) => {
      const event = decodeEvent(String(row['body']))
      return event === null ? [] : [{ offset: Number(row['n']), event }]
    })
    return { events, final, last }
  }

  onLogged(listener: () => void): Promise<() => void> {
    return this.#bell.listen(listener)
  }

  /** After the commit, in a transaction that writes nothing and so waits for no disk. One that gets lost is made up for by the consumers' own looks. */
  async #wake(queues: readonly number[]): Promise<void> {
    const { schema } = this.#store
    const channels = [eventsChannel(schema), ...queues.map((queue) => `${channelPrefix(schema)}${queue}`)]
    const text = `select pg_notify(channel, 'w') from unnest($1::text[]) channel`
    await this.#store
      .run({ name: 'panda_event_wake_1', text, values: [channels], doing: 'wake consumers' })
      .catch(() => undefined)
  }

  async close(): Promise<void> {
    this.#bell.close()
    await this.#store.connections.close()
  }
}

function rowOf(event: EventEnvelope) {
  const { id, type, key } = event
  const time = Date.parse(event.time)
  return { id, head: timeDigits(id), type, key, time: Number.isNaN(time) ? 0 : time, body: encodeEvent(event) }
}

type Columns = readonly [string[], string[], string[], (string | null)[], number[], string[]]

function columnsOf(events: readonly EventEnvelope[]): Columns {
  const rows = events.map(rowOf)
  return [
    rows.map(({ id }) => id),
    rows.map(({ head }) => head),
    rows.map(({ type }) => type),
    rows.map(({ key }) => key),
    rows.map(({ time }) => time),
    rows.map(({ body }) => body),
  ]
}
