import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import { Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import postgres from 'postgres'

/** Runs work in a transaction; rolled back when `work` throws. */
export type Transact = (work: (tx: object) => Promise<void>) => Promise<void>

export interface DatabaseClients extends AsyncDisposable {
  readonly pool: Pool
  readonly sql: postgres.Sql
  readonly kysely: Kysely<Record<string, never>>
  readonly drizzlePg: ReturnType<typeof drizzlePg<Record<string, never>, Pool>>
  readonly drizzlePostgresJs: ReturnType<typeof drizzlePostgresJs>
  /** One transaction of each library, by its name. */
  transact(library: Library): Transact
}

export const LIBRARIES = [
  'pg',
  'postgres.js',
  'Kysely',
  'Drizzle on pg',
  'Drizzle on postgres.js',
  'a function',
] as const
export type Library = (typeof LIBRARIES)[number]

/** Every client library that takes part in our transactions, on one database. */
export function databaseClients(url: string): DatabaseClients {
  const pool = new Pool({ connectionString: url, max: 4 })
  // The server ends them when the database is dropped.
  pool.on('error', () => undefined)
  const sql = postgres(url, { max: 4, onnotice: () => undefined })
  const kysely = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
  const drizzles = { drizzlePg: drizzlePg(pool), drizzlePostgresJs: drizzlePostgresJs(sql) }
  const transacts: Readonly<Record<Library, Transact>> = {
    pg: async (work) => withinPg(pool, work),
    'postgres.js': async (work) => sql.begin(async (tx) => work(tx)),
    Kysely: async (work) => kysely.transaction().execute(async (tx) => work(tx)),
    'Drizzle on pg': async (work) => drizzles.drizzlePg.transaction(async (tx) => work(tx)),
    'Drizzle on postgres.js': async (work) => drizzles.drizzlePostgresJs.transaction(async (tx) => work(tx)),
    'a function': async (work) =>
      withinPg(pool, async (client) =>
        work(
          async (text: string, values: readonly unknown[]) => (await client.query(text, [...values])).rows as unknown[],
        ),
      ),
  }
  return {
    pool,
    sql,
    kysely,
    ...drizzles,
    transact: (library) => transacts[library],
    [Symbol.asyncDispose]: async () => {
      await pool.end()
      await sql.end()
    },
  }
}

async function withinPg(pool: Pool, work: (client: import('pg').PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await work(client)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
