import { call, has } from '../../drivers/postgres/transaction.ts'
import { PandaError } from '../../errors.ts'

/** Commits when the work resolves, rolls back when it rejects, and rejects with the same error then. */
export type Transact = (work: (tx: object) => Promise<void>) => Promise<unknown>

/** Prisma ends a transaction after 5 s by itself; how long a handler may take is its subscription's word. */
const PRISMA = { maxWait: 10_000, timeout: 2_147_483_647 }

/**
 * Runs work in a transaction of the caller's own client: a `Pool` of pg, the `sql` of postgres.js, a Kysely, Drizzle's `db`,
 * a Prisma client, or a function that does it.
 * @throws PandaError invalid_option when it is nothing of the kind
 */
export function transactOf(client: unknown): Transact {
  if (has(client, 'connect', 'query') && 'totalCount' in client)
    return async (work) => inPool(client as unknown as PgPool, work)
  if (has(client, 'begin', 'unsafe')) return async (work) => call(client, 'begin', work)
  if (has(client, 'transaction', 'executeQuery'))
    return async (work) => call((await call(client, 'transaction')) as object, 'execute', work)
  if (has(client, 'transaction', 'select', 'insert')) return async (work) => call(client, 'transaction', work)
  if (has(client, '$transaction', '$queryRawUnsafe')) return async (work) => call(client, '$transaction', work, PRISMA)
  if (typeof client === 'function') return client as Transact
  throw new PandaError('invalid_option', 'exactlyOnce names no database client that is known here', {
    hint: 'Pass { pool } with a Pool of pg, or { db } with the sql of postgres.js, a Kysely, the db of Drizzle, a Prisma client, or a function (work) => … that runs work(tx) in a transaction.',
  })
}

interface PgPool {
  readonly totalCount: number
  connect(): Promise<PgClient>
}
interface PgClient {
  query(text: string): Promise<unknown>
  on(event: 'error', listener: () => void): unknown
  removeListener(event: 'error', listener: () => void): unknown
  release(broken?: Error): void
}

async function inPool(pool: PgPool, work: (tx: object) => Promise<void>): Promise<void> {
  const client = await pool.connect()
  // A connection that breaks tells its query, and says so in an event besides, which would end the process.
  client.on('error', ignore)
  let broken: Error | undefined
  try {
    await client.query('begin')
    await work(client)
    await client.query('commit')
  } catch (error) {
    broken = await rollBack(client)
    throw error
  } finally {
    // One that is broken may still say so.
    if (broken === undefined) client.removeListener('error', ignore)
    client.release(broken)
  }
}

/** @returns why the connection is of no use any more */
async function rollBack(client: PgClient): Promise<Error | undefined> {
  try {
    await client.query('rollback')
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function ignore(): void {}
