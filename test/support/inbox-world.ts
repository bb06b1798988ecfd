import type { PoolClient } from 'pg'
import type { EventEnvelope } from '../../packages/sdk/src/events/envelope.ts'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import { Events, type EventsOptions } from '../../packages/sdk/src/events/index.ts'
import { DatabaseOnce } from '../../packages/sdk/src/events/once/database-once.ts'
import { transactOf } from '../../packages/sdk/src/events/once/transact.ts'
import { type DatabaseClients, databaseClients } from './database-clients.ts'
import { event, type EventWorld, eventWorld } from './event-world.ts'
import { freshDatabase } from './postgres.ts'
import { waitFor } from './wait-for.ts'

export type Shop = { 'order.placed': { readonly n: number } }

export const quick = {
  subscription: 'stock',
  attempts: 3,
  backoff: { kind: 'fixed', delay: 1, jitter: 0 },
} as const

export const placed = (n: number): EventEnvelope => event('order.placed', { n })

/** A broker, a database with a table `effects`, and events; all closed at the end of the block. */
export interface InboxWorld extends AsyncDisposable {
  readonly clients: DatabaseClients
  readonly driver: EventDriver
  /** What `onError` was told. */
  readonly errors: Error[]
  open(options?: EventsOptions<Shop>): Events<Shop>
  inbox(schema?: string): DatabaseOnce
  effects(): Promise<readonly { readonly event: string; readonly n: number }[]>
  deadLetters(): ReturnType<EventDriver['deadLetters']>
  /** The error of the only dead letter, when it is there. */
  failure(): Promise<string>
}

export async function inboxWorld(): Promise<InboxWorld> {
  const broker: EventWorld = await eventWorld()
  const database = await freshDatabase()
  const clients = databaseClients(database.url)
  const driver = broker.driver()
  const opened: Events<Shop>[] = []
  const errors: Error[] = []
  await clients.pool.query('create table effects (event text not null, n int not null)')
  const deadLetters = async () => driver.deadLetters('stock', { limit: 10 })
  return {
    clients,
    driver,
    errors,
    open: (options = {}) => {
      const onError = (error: Error) => void errors.push(error)
      const events = new Events<Shop>({ url: broker.vhost.url, handleSignals: false, onError, ...options })
      opened.push(events)
      return events
    },
    inbox: (schema = 'panda_queue') =>
      new DatabaseOnce({ subscription: 'stock', transact: transactOf(clients.pool), keepMs: 604_800_000, schema }),
    effects: async () =>
      (await clients.pool.query<{ event: string; n: number }>('select event, n from effects order by n')).rows,
    deadLetters,
    failure: async () => {
      const letter = await waitFor('the dead letter', async () => (await deadLetters()).letters[0])
      return letter.error ?? ''
    },
    [Symbol.asyncDispose]: async () => {
      for (const events of opened) await events.close({ grace: 1000 })
      await broker[Symbol.asyncDispose]()
      await clients[Symbol.asyncDispose]()
      await database.drop()
    },
  }
}

export async function pgEffect(tx: unknown, id: string, n: number): Promise<unknown> {
  return (tx as PoolClient).query('insert into effects (event, n) values ($1, $2)', [id, n])
}

export function duplicates(events: Events<Shop>): number {
  return events.metrics()['stock']?.duplicates ?? 0
}
