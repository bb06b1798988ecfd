import type { PoolClient } from 'pg'
import { PandaError } from '../../packages/sdk/src/errors.ts'
import type { EventCapabilities } from '../../packages/sdk/src/events/driver.ts'
import type { EventEnvelope } from '../../packages/sdk/src/events/envelope.ts'
import { Events } from '../../packages/sdk/src/events/index.ts'
import { type EventOutboxTarget, type Outbox, startOutbox } from '../../packages/sdk/src/outbox/index.ts'
import { type DatabaseClients, databaseClients } from './database-clients.ts'
import { freshDatabase } from './postgres.ts'

/** A broker as far as the outbox sees it: what it was given, in order; away while `away` is set. */
export class NotedTarget implements EventOutboxTarget {
  readonly capabilities: EventCapabilities
  readonly events: EventEnvelope[] = []
  away = false
  calls = 0

  constructor(name: EventCapabilities['name'] = 'rabbitmq') {
    this.capabilities = { name, transactions: false, shared: true, strictOrder: true, log: false }
  }

  async publish(events: readonly EventEnvelope[]): Promise<void> {
    this.calls += 1
    if (this.away) throw new PandaError('store_away', 'the broker is away')
    this.events.push(...events)
  }
}

/** A database with clients and relays; all closed at the end of the block. */
export interface OutboxWorld extends AsyncDisposable {
  readonly url: string
  readonly clients: DatabaseClients
  /** Publishes at a broker that is never there: what goes by a transaction needs none. */
  readonly events: Events<Record<string, { readonly n: number }>>
  start(target: EventOutboxTarget, onError?: (error: PandaError) => void): Promise<Outbox>
  inTransaction(work: (client: PoolClient) => Promise<void>): Promise<void>
  left(): Promise<number>
}

export async function outboxWorld(): Promise<OutboxWorld> {
  const database = await freshDatabase()
  const clients = databaseClients(database.url)
  const events = new Events<Record<string, { readonly n: number }>>({
    url: 'amqp://127.0.0.1:1',
    source: 'shop',
    handleSignals: false,
  })
  const running: Outbox[] = []
  return {
    url: database.url,
    clients,
    events,
    start: async (eventsTarget, onError) => {
      const outbox = await startOutbox({
        databaseUrl: database.url,
        eventsTarget,
        ...(onError !== undefined && { onError }),
      })
      running.push(outbox)
      return outbox
    },
    inTransaction: async (work) => clients.transact('pg')(async (client) => work(client as PoolClient)),
    left: async () => {
      const { rows } = await clients.pool.query<{ n: number }>(
        'select count(*)::int as n from panda_queue.event_outbox',
      )
      return rows[0]?.n ?? 0
    },
    [Symbol.asyncDispose]: async () => {
      for (const outbox of running) await outbox.close()
      await events.close()
      await clients[Symbol.asyncDispose]()
      await database.drop()
    },
  }
}
