import { type Kysely, sql } from 'kysely'

/**
 * What alerts need to know of apps: how the last containers of an instance ended (newest last), the episodes that an app
 * is in, alerts of one app, and events that are about no run.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table app_instances add column ends jsonb not null default '[]'`.execute(db)
  await sql`alter table apps add column troubles text[] not null default '{}'`.execute(db)
  await sql`alter table alerts add column app_id text collate "C"`.execute(db)
  await sql`alter table alert_events alter column run_id drop not null, add column app jsonb`.execute(db)
}
