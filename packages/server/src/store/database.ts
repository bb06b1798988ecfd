import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely'
import pg from 'pg'
import type { Schema } from './schema.ts'
import { WatchedClient } from './watched-client.ts'

export type Database = Kysely<Schema>
/** A query runs on the pool or inside a caller's transaction alike. */
export type Queryable = Kysely<Schema> | Transaction<Schema>

export interface OpenOptions {
  /** Connections at most. Default 10. */
  poolSize?: number
  /** Called when an idle connection breaks; pg would end the process otherwise. */
  onError?: (error: Error) => void
  /** A query that takes longer is cancelled by the database. Milliseconds, default 30,000. */
  statementTimeoutMs?: number
  /**
   * A connection in use over which nothing is heard for so long is given up: the database would have answered, or
   * cancelled the query, before. Milliseconds, default `statementTimeoutMs` + 5,000.
   */
  silenceLimitMs?: number
}

/**
 * A server that is frozen in the middle of a transaction would keep its locks, and the ticks of the cronjobs that it has
 * locked would wait. After the lease of a server it is dead to the others, so its transaction is ended as well.
 */
const IDLE_IN_TRANSACTION_MS = 10_000
const STATEMENT_TIMEOUT_MS = 30_000
/** What the answer to a query may take on its way. */
const ANSWER_MARGIN_MS = 5000
/** The kernel asks so long after the last byte whether the other end of an unused connection is still there. */
const KEEP_ALIVE_DELAY_MS = 10_000

/** Opens a pool lazily: nothing is sent until the first query. */
export function openDatabase(url: string, options: OpenOptions = {}): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS
  const silenceLimitMs = options.silenceLimitMs ?? statementTimeoutMs + ANSWER_MARGIN_MS
  const pool = new pg.Pool({
    Client: WatchedClient,
    connectionString: url,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: 5000,
    // A new connection costs some 20 ms and starts with cold caches: those of a burst are kept for the next one.
    idleTimeoutMillis: 300_000,
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    application_name: 'pandastack',
    // What we read is in memory or on a flash disk. With the default, 4, a batch of runs that are named by their ids is
    // looked for by reading the whole table.
    options: '-c random_page_cost=1.1',
    types: { getTypeParser },
  })
  pool.on('error', (error) => options.onError?.(error))
  // The pool listens to idle connections only; one that breaks while it is in use would end the process, too.
  pool.on('connect', (client) => client.on('error', (error) => options.onError?.(error)))
  pool.on('acquire', (client) => limitSilence(client, silenceLimitMs))
  pool.on('release', (_error, client) => limitSilence(client, 0))
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
}

function limitSilence(client: pg.PoolClient, milliseconds: number): void {
  if (client instanceof WatchedClient) client.limitSilence(milliseconds)
}

/** `bigint` as number: ours are counters and milliseconds, far below 2^53. */
export const getTypeParser = ((id: Parameters<typeof pg.types.getTypeParser>[0], format?: 'text' | 'binary') => {
  if (id === pg.types.builtins.INT8) return Number
  return pg.types.getTypeParser(id, format)
}) as typeof pg.types.getTypeParser

/** The database's clock, the only one that due times and leases are compared against. */
export async function databaseNow(db: Queryable): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select panda_now() as now`.execute(db)
  const row = rows[0]
  if (!row) throw new Error('select panda_now() gave no row')
  return row.now
}

export const pandaNow = sql<Date>`panda_now()`
