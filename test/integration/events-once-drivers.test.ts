import type { PoolClient } from 'pg'
import { expect, it } from 'vitest'
import { Events } from '../../packages/sdk/src/events/index.ts'
import { startOutbox } from '../../packages/sdk/src/outbox/index.ts'
import { databaseClients } from '../support/database-clients.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedis } from '../support/redis.ts'
import { freshVhost } from '../support/rabbitmq.ts'
import { Scope } from '../support/scope.ts'
import { waitFor } from '../support/wait-for.ts'

/** The whole way on each broker: an order and its event in one transaction, a handler that writes its own effect and the next event in another. */

type Shop = { 'order.placed': { readonly n: number }; 'order.paid': { readonly n: number } }

const BROKERS: Readonly<
  Record<string, (scope: Scope, databaseUrl: string) => Promise<{ url: string; namespace?: string }>>
> = {
  rabbitmq: async (scope) => ({ url: scope.use(await freshVhost()).url }),
  redis: async () => {
    const { url, prefix } = await freshRedis()
    return { url, namespace: prefix }
  },
  postgres: async (_, url) => ({ url }),
}

it.each(Object.entries(BROKERS))(
  'events on %s: what is committed happens once, what is rolled back does not',
  async (kind, find) => {
    await using scope = new Scope()
    const database = scope.use(await freshDatabase())
    const clients = scope.use(databaseClients(database.url))
    const { pool } = clients
    await pool.query('create table orders (n int); create table payments (n int)')
    const broker = await find(scope, database.url)
    const events = new Events<Shop>({ ...broker, source: 'shop', handleSignals: false })
    scope.defer(async () => events.close({ grace: 1000 }))
    if (kind !== 'postgres') {
      const { url: eventsUrl, namespace: eventsNamespace } = broker
      const outbox = await startOutbox({ pool, eventsUrl, ...(eventsNamespace !== undefined && { eventsNamespace }) })
      scope.defer(async () => outbox.close())
    }
    const retry = { backoff: { kind: 'fixed', delay: 1, jitter: 0 } } as const
    const paid: number[] = []
    await events.subscribe(
      'order.placed',
      { subscription: 'till', ...retry, exactlyOnce: { pool } },
      async ({ n }, event) => {
        await event.tx.query('insert into payments values ($1)', [n])
        await events.publish('order.paid', { n }, { tx: event.tx })
        if (event.attempt === 1) throw new Error('not yet')
      },
    )
    await events.subscribe('order.paid', { subscription: 'mail' }, ({ n }) => void paid.push(n))

    const order = async (n: number, fails: boolean): Promise<void> =>
      clients.transact('pg')(async (tx) => {
        await (tx as PoolClient).query('insert into orders values ($1)', [n])
        await events.publish('order.placed', { n }, { tx })
        if (fails) throw new Error('refused')
      })
    await order(1, false)
    await expect(order(2, true)).rejects.toThrow('refused')
    await order(3, false)
    await waitFor('both to be paid', () => paid.length === 2, 20_000)
    expect(paid.toSorted((a, b) => a - b)).toEqual([1, 3])
    const { rows } = await pool.query<{ n: number }>('select n from payments order by n')
    expect(rows.map(({ n }) => n)).toEqual([1, 3])
    expect(events.metrics()['till']).toMatchObject({ done: 2, failed: 2, dead: 0 })
  },
)
