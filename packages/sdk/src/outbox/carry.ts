import type { Query, Row } from '../drivers/postgres/connect.ts'
import type { OutboxTable } from '../drivers/postgres/migrate.ts'
import type { Store } from '../drivers/postgres/store.ts'

/** What lies in one table of the outbox, and where it goes. One does not wait for the other. */
export interface Lane {
  readonly table: OutboxTable
  /** What `deliver` needs of a row, beside `n`. */
  readonly columns: string
  /** The kind of broker whose rows these are; null: all rows. */
  readonly broker: string | null
  /** Half of an advisory lock's key. */
  readonly lockClass: number
  /** Resolves when the target has them for good, in this order. A repeat, after a death in between, must do no harm. */
  deliver(rows: readonly Row[]): Promise<void>
}

const BATCH = 500

/**
 * Carries over what a lane holds, oldest first, and crosses it off: by what is there, not by a number that was reached, so
 * that a transaction that commits late is not passed over. One process at a time does so, the others find the lock taken
 * and leave it to that one.
 * @param patient waits for that one to come to its end instead
 * @returns how many were carried over; null when another process is at it
 */
export async function carry(store: Store, lane: Lane, patient: boolean): Promise<number | null> {
  await store.ready()
  const { schema, connections } = store
  const table = `${schema}.${lane.table}`
  return connections.within(`carry over ${table}`, async (query) => {
    await query('begin')
    if (!(await lock(query, [lane.lockClass, `${schema} ${lane.broker ?? ''}`], patient))) {
      await query('rollback')
      return null
    }
    const rows = await query(
      `select n, ${lane.columns} from ${table} ${lane.broker === null ? '' : 'where broker = $1::text'} order by n limit ${BATCH}`,
      lane.broker === null ? [] : [lane.broker],
    )
    if (rows.length > 0) {
      await lane.deliver(rows)
      await query(`delete from ${table} where n = any ($1::int8[])`, [rows.map((row) => row['n'])])
    }
    await query('commit')
    return rows.length
  })
}

async function lock(query: Query, key: readonly unknown[], patient: boolean): Promise<boolean> {
  if (patient) {
    await query('select pg_advisory_xact_lock($1, hashtext($2))', key)
    return true
  }
  const [row] = await query('select pg_try_advisory_xact_lock($1, hashtext($2)) as mine', key)
  return row?.['mine'] === true
}
