import { sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { Schema } from './schema.ts'

/**
 * A transaction in the clothes of a database: code that opens a transaction of its own takes part in this one, by a
 * savepoint, so that several pieces of work commit together. Isolation level and access mode are the outer ones.
 */
export function asDatabase(outer: Transaction<Schema>): Database {
  let depth = 0
  const builder = {
    execute: async <T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T> => {
      const savepoint = sql.ref(`panda_nested_${depth++}`)
      await sql`savepoint ${savepoint}`.execute(outer)
      try {
        const result = await work(outer)
        await sql`release savepoint ${savepoint}`.execute(outer)
        return result
      } catch (error) {
        await sql`rollback to savepoint ${savepoint}`.execute(outer)
        throw error
      }
    },
    setIsolationLevel: () => builder,
    setAccessMode: () => builder,
  }
  return new Proxy<Database>(outer, {
    get: (target, property) => {
      if (property === 'transaction') return () => builder
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
