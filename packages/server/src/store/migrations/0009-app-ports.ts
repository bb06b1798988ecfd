import { type Kysely, sql } from 'kysely'

/**
 * Published ports of apps: a new instance that wants the port of one before it is `held` from its birth on: its image is
 * made present (`image_ready_at`), then the one before is ended, and when it has ended the new one is let go
 * (`released_at`).
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table app_instances add column held boolean not null default false,
    add column image_ready_at timestamptz, add column released_at timestamptz`.execute(db)
  await sql`update app_revisions set spec = spec || '{"port": null}'`.execute(db)
  // What is asked before a port is given away: few revisions have one.
  await sql`create index app_revisions_port on app_revisions (app_id) where spec ->> 'port' is not null`.execute(db)
}
