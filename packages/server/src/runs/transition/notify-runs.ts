import { sql } from 'kysely'
import type { Queryable } from '../../store/database.ts'

/** One wake-up for a batch: the id of a single run, empty for several, none for nothing. */
export async function notifyRuns(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await sql`select pg_notify('panda_runs', ${ids.length === 1 ? ids[0] : ''})`.execute(db)
}
