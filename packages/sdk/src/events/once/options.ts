import { durationMs } from '../../duration.ts'
import type { Duration } from '../../duration.ts'
import { PandaError } from '../../errors.ts'
import { DatabaseOnce } from './database-once.ts'
import type { Once } from './once.ts'
import { RedisOnce } from './redis-once.ts'
import type { RedisClient } from './redis-once.ts'
import { transactOf } from './transact.ts'

/**
 * The handler works in a transaction, `event.tx`, together with a row that says that this subscription has handled this
 * event: what is written by `event.tx` is there once, however often the event is delivered.
 */
export type OnceInDatabase<D> = (
  | {
      /** A `Pool` of pg. */
      readonly pool: D
    }
  | {
      /** The `sql` of postgres.js, a Kysely, Drizzle's `db`, a Prisma client, or a function that runs `work(tx)` in a transaction. */
      readonly db: D
    }
) & {
  /** How long a handled event is remembered; a duplicate that comes later is handled again. Default 7 d. */
  readonly keep?: Duration
  /** Schema of the table `inbox`, made at first use. Default `panda_queue`. */
  readonly schema?: string
}

/**
 * The light version, for effects outside of a database: what was handled is noted in Redis afterwards. An event comes twice
 * when the process dies between the handler's end and the note, when two consumers get it at the same time, when Redis loses
 * the note, and after `keep`.
 */
export interface OnceInRedis {
  /** A client of ioredis; it stays yours. */
  readonly redis: RedisClient
  /** How long a handled event is remembered. */
  readonly keep: Duration
  /** First word of the keys. Default `panda`. */
  readonly prefix?: string
}

const DEFAULT_KEEP_MS = 604_800_000
const SCHEMA = /^[a-z_][a-z0-9_]{0,39}$/
const KNOWN = new Set(['pool', 'db', 'redis', 'keep', 'schema', 'prefix'])

/** @throws PandaError invalid_option */
export function planOnce(given: unknown, subscription: string, onError: (error: Error) => void): Once {
  if (typeof given !== 'object' || given === null) throw refused('must be an object')
  for (const name of Object.keys(given)) if (!KNOWN.has(name)) throw refused(`has no option "${name}"`)
  const { pool, db, redis, keep, schema = 'panda_queue', prefix = 'panda' } = given as Readonly<Record<string, unknown>>
  if ([pool, db, redis].filter((one) => one !== undefined).length !== 1)
    throw refused('takes one of pool, db and redis')
  const keepMs = keep === undefined ? DEFAULT_KEEP_MS : durationMs(keep as Duration, 'exactlyOnce.keep')
  if (keepMs < 1) throw refused('keep must be longer than 0')
  if (redis !== undefined) {
    if (keep === undefined) throw refused('with redis needs keep: how long a handled event is remembered')
    return new RedisOnce({ subscription, redis: asRedis(redis), keepMs, prefix: String(prefix), onError })
  }
  if (typeof schema !== 'string' || !SCHEMA.test(schema)) throw refused(`schema ${JSON.stringify(schema)} is no name`)
  return new DatabaseOnce({ subscription, transact: transactOf(pool ?? db), keepMs, schema })
}

function asRedis(client: unknown): RedisClient {
  const { get, set, call } = client as Readonly<Record<string, unknown>>
  // Other clients have a `set` that takes its options otherwise.
  if ([get, set, call].every((method) => typeof method === 'function')) return client as RedisClient
  throw refused('redis must be a client of ioredis')
}

function refused(what: string): PandaError {
  return new PandaError('invalid_option', `exactlyOnce ${what}`)
}
