import { DEFAULT_PROJECT } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Database } from '../store/database.ts'
import { newId } from '../store/ids.ts'

/** Any number that nothing else of ours locks: servers that start at once on an empty database take turns. */
const START_LOCK = 7_300_000_001

/** Makes what every installation has: its id, which labels all its containers, and the default project. */
export async function ensureInstallation(db: Database): Promise<string> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${START_LOCK}::bigint)`.execute(tx)
    const existing = await tx.selectFrom('installation').select('id').executeTakeFirst()
    if (existing) return existing.id
    const id = newId('ins')
    await tx.insertInto('installation').values({ id }).execute()
    await tx
      .insertInto('projects')
      .values({ id: newId('prj'), name: DEFAULT_PROJECT })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute()
    return id
  })
}
