import { type Kysely, sql } from 'kysely'

/** Indexes for the dispatcher (what may start now), for held and pinned runs, and for cancel requests. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`drop index runs_active`.execute(db)
  await sql`create index runs_ready on runs (available_at, id)
    where state in ('scheduled', 'queued', 'retrying') and not held`.execute(db)
  await sql`create index runs_held on runs (cronjob_id, id) where held`.execute(db)
  await sql`create index runs_pinned on runs (engine_id) where state = 'queued' and engine_id is not null`.execute(db)
  await sql`create index runs_cancelling on runs (server_id, id) where cancel_reason is not null`.execute(db)
}
