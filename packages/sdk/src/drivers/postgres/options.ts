import { PandaError } from '../../errors.ts'

export const DEFAULT_SCHEMA = 'panda_queue'

/** What is needed of a pool of `pg`: its `Pool` fits. */
export interface PostgresPool {
  connect(): Promise<PostgresConnection>
}
export interface PostgresConnection {
  query(query: { text: string; values?: unknown[]; name?: string }): Promise<{ rows: unknown[] }>
  release(broken?: boolean | Error): void
  on(event: string, listener: (detail: unknown) => void): unknown
  removeListener(event: string, listener: (detail: unknown) => void): unknown
}

export interface PostgresQueueOptions {
  /** `postgres://user:password@host:port/database?sslmode=…`. Either this or `pool`. */
  readonly url?: string
  /** Your own pool of `pg`. It stays yours: `close` does not end it. One of its connections is used for LISTEN as soon as somebody listens. */
  readonly pool?: PostgresPool
  /** Schema of the queue's tables, made at first use. Letters, digits and underscores, at most 40. Default `panda_queue`. */
  readonly schema?: string
  /** Connections of our own pool at most, without the one for LISTEN. Default 6. */
  readonly connections?: number
  /** How long a call waits for a connection, and then for the answer, in ms. A connection that does not answer is replaced. Default 10,000. */
  readonly timeoutMs?: number
}

export interface Settled {
  readonly url: string | undefined
  readonly pool: PostgresPool | undefined
  readonly schema: string
  readonly connections: number
  readonly timeoutMs: number
}

/** What goes into statements as it is. @throws PandaError invalid_option */
export function checkSchema(schema: string): string {
  if (typeof schema === 'string' && /^[a-z_][a-z0-9_]{0,39}$/.test(schema)) return schema
  throw new PandaError('invalid_option', `schema ${JSON.stringify(schema)} is no name of a schema`, {
    hint: 'Use lower case letters, digits and underscores, at most 40.',
  })
}

/** @throws PandaError invalid_option, no_store */
export function settle(options: PostgresQueueOptions): Settled {
  const { url, pool, schema = DEFAULT_SCHEMA, connections = 6, timeoutMs = 10_000 } = options
  if (url === undefined && pool === undefined) throw new PandaError('no_store', 'no PostgreSQL was named')
  checkSchema(schema)
  if (!Number.isInteger(connections) || connections < 1) {
    throw new PandaError('invalid_option', `connections must be a whole number from 1 on, not ${connections}`)
  }
  if (!(timeoutMs > 0)) throw new PandaError('invalid_option', `timeoutMs must be more than 0, not ${timeoutMs}`)
  return { url, pool, schema, connections, timeoutMs }
}
