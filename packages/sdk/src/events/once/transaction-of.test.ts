import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Kysely, Transaction } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import type { Sql, TransactionSql } from 'postgres'
import { expectTypeOf, test } from 'vitest'
import type { EventContext } from '../event-context.ts'
import { Events } from '../events.ts'
import type { TransactionOf } from './transaction-of.ts'

interface Database {
  readonly orders: { readonly id: number }
}
interface Mine {
  readonly mine: true
}
/** As Prisma's client is typed: the second of two overloads. */
interface Prisma {
  $transaction(parts: Promise<unknown>[]): Promise<unknown>
  $transaction<R>(work: (tx: Mine) => Promise<R>, options?: { timeout?: number }): Promise<R>
}

test('each client has the transaction of its own library', () => {
  expectTypeOf<TransactionOf<Pool>>().toEqualTypeOf<PoolClient>()
  expectTypeOf<TransactionOf<Sql>>().toEqualTypeOf<TransactionSql>()
  expectTypeOf<TransactionOf<Kysely<Database>>>().toEqualTypeOf<Transaction<Database>>()
  type Drizzle = NodePgDatabase
  expectTypeOf<TransactionOf<Drizzle>>().toEqualTypeOf<Parameters<Parameters<Drizzle['transaction']>[0]>[0]>()
  expectTypeOf<TransactionOf<Prisma>>().toEqualTypeOf<Mine>()
  expectTypeOf<TransactionOf<(work: (tx: Mine) => Promise<void>) => Promise<unknown>>>().toEqualTypeOf<Mine>()
})

test('a handler gets tx only where it was asked for', () => {
  type Shop = { 'order.placed': { readonly n: number } }
  const check = (events: Events<Shop>, pool: Pool, db: Kysely<Database>) => {
    void events.subscribe('order.placed', { exactlyOnce: { pool } }, ({ n }, event) => {
      expectTypeOf(n).toEqualTypeOf<number>()
      expectTypeOf(event.tx).toEqualTypeOf<PoolClient>()
    })
    void events.subscribe('order.placed', { exactlyOnce: { db, keep: '1d' } }, (_, event) => {
      expectTypeOf(event.tx).toEqualTypeOf<Transaction<Database>>()
    })
    void events.subscribe('order.placed', { attempts: 2 }, (_, event) => {
      expectTypeOf(event).toEqualTypeOf<EventContext>()
      expectTypeOf(event).not.toHaveProperty('tx')
    })
    // @ts-expect-error an option that there is not
    void events.subscribe('order.placed', { exactlyOnce: { pool }, retries: 2 }, () => undefined)
  }
  expectTypeOf(check).toBeFunction()
})
