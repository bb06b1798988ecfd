import { type Kysely, sql } from 'kysely'

/** What each worker and subscription of an instance has told in its newest attempt, and how much they held in the end. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table app_instances
    add column workers jsonb not null default '{}',
    add column drain_held integer`.execute(db)
}
