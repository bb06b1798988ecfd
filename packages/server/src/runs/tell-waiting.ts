import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'

/** Told at a time; the rest at the next pass. */
const MAX_TOLD = 1000

/** Tells queued runs that nobody can start why they wait. Their state stays; the next claim takes the words away. */
export async function tellWaiting(db: Queryable, why: string): Promise<void> {
  await sql`
    update runs set reason = 'engine-away', message = ${`waits: the engine could not be asked to start it (${why})`}
    where id in (
      select id from runs where state = 'queued' and message is null and not held and available_at <= panda_now()
      order by available_at limit ${MAX_TOLD} for update skip locked
    )`.execute(db)
}
