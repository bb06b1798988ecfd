import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { type Database, getTypeParser } from '../../../packages/server/src/store/database.ts'
import type { Schema } from '../../../packages/server/src/store/schema.ts'

/**
 * What happens to one statement: `before` = the connection is lost and it was never done, `busy` = the database refuses it (deadlock,
 * serialization), `after` = it is done, but its answer is lost with the
 * connection.
 */
export type Fault = 'before' | 'busy' | 'after' | null

/** A real pool on a real PostgreSQL whose statements fail as `fault` says. */
export class FaultyPool implements PostgresPool {
  /** Asked with each statement's text; default: no fault. */
  fault: (query: string) => Fault = () => null
  readonly #pool: pg.Pool
  #ended = false

  constructor(url: string, size = 4) {
    this.#pool = new pg.Pool({ connectionString: url, max: size, types: { getTypeParser } })
    this.#pool.on('error', (error) => {
      // The database is dropped after the end, maybe before it has read our goodbye: it then says that it cuts us off.
      if (!this.#ended) throw error
    })
  }

  async connect(): Promise<PostgresPoolClient> {
    const client = await this.#pool.connect()
    let broken = false
    const lose = async (): Promise<Error> => {
      broken = true
      // The database notices a lost connection by itself; here it must have done so before the next step.
      await client.query('rollback')
      return failure('ECONNRESET', 'read ECONNRESET')
    }
    const query = async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
      if (broken) throw failure('ECONNRESET', 'Connection terminated')
      // The end of a transaction that has failed is not a statement of ours.
      const fault = text === 'rollback' ? null : this.fault(text)
      if (fault === 'before') throw await lose()
      if (fault === 'busy') throw failure('40001', 'could not serialize access due to concurrent update')
      const result = await client.query(text, [...parameters])
      if (fault === 'after') throw await lose()
      return result
    }
    return { query: query as PostgresPoolClient['query'], release: () => client.release(broken) }
  }

  async end(): Promise<void> {
    this.#ended = true
    await this.#pool.end()
  }
}

/** The same as `openDatabase`, on this pool. Ending it is up to the pool's owner. */
export function faultyDatabase(pool: FaultyPool): Database {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
}

/** As the database client reports it. */
export function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
