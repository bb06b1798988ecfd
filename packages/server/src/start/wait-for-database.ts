import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Database } from '../store/database.ts'
import { isTransient } from '../store/transient.ts'
import { StartError } from './start-error.ts'

/** `server_version_num` of PostgreSQL 13: `unnest` in the claims and `gen_random_uuid` need no less. */
const OLDEST_VERSION = 130_000
const RETRY_EVERY_MS = 500
/** The log hears of the waiting at once and then so often. */
const TELL_EVERY_MS = 5000

/**
 * Resolves when the database answers.
 *
 * @throws StartError `database_unreachable` after the timeout; `database_refused` at once when waiting cannot help
 */
export async function waitForDatabase(
  db: Database,
  options: { address: string; clock: Clock; log: Log; timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const { address, clock, log, signal } = options
  const startedAt = clock.now()
  let toldAt = -Infinity
  for (;;) {
    signal.throwIfAborted()
    try {
      return await assertUsable(db, address)
    } catch (error) {
      if (error instanceof StartError) throw error
      if (!isTransient(error)) throw refused(error, address)
      if (clock.now() - startedAt >= options.timeoutMs) throw unreachable(error, address, options.timeoutMs)
      if (clock.now() - toldAt >= TELL_EVERY_MS) {
        toldAt = clock.now()
        log.warn(`waiting for the database at ${address}: ${messageOf(error)}`)
      }
    }
    await clock.sleep(RETRY_EVERY_MS, signal)
  }
}

async function assertUsable(db: Database, address: string): Promise<void> {
  const { rows } = await sql<{ server_version_num: string }>`show server_version_num`.execute(db)
  const version = Number(rows[0]?.server_version_num)
  if (version >= OLDEST_VERSION) return
  throw new StartError('database_refused', `The database at ${address} is older than PostgreSQL 13.`, {
    hint: 'Use a newer one, or leave DATABASE_URL unset for the embedded PostgreSQL.',
  })
}

function refused(cause: unknown, address: string): StartError {
  return new StartError('database_refused', `The database at ${address} refuses us: ${messageOf(cause)}.`, {
    hint: 'Check user, password and database name in DATABASE_URL.',
    cause,
  })
}

function unreachable(cause: unknown, address: string, timeoutMs: number): StartError {
  const seconds = Math.round(timeoutMs / 1000)
  return new StartError(
    'database_unreachable',
    `The database at ${address} did not answer for ${seconds} s: ${messageOf(cause)}.`,
    { hint: 'Start it, or check the host and port in DATABASE_URL. PANDA_DATABASE_WAIT sets how long to wait.', cause },
  )
}

/** The connection string without user, password and parameters, e.g. `localhost:5432/panda`. */
export function databaseAddress(url: string): string {
  return url.replace(/^\w+:\/\/(?:[^/]*@)?/, '').replace(/\?.*$/, '')
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
