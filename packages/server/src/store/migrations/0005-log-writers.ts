import { type Kysely, sql } from 'kysely'

/** Who may write a run's log: opening it for writing stores a new token, so that an earlier writer is refused. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table run_logs add column writer text`.execute(db)
}
