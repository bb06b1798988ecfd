import { type Kysely, sql } from 'kysely'

/**
 * The databases that projects have in the embedded PostgreSQL. Without a foreign key: the row outlives its project until
 * database and role are dropped, so that a server that is killed in between still knows what to drop.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table project_databases (
    project_id text collate "C" primary key,
    role text collate "C" not null unique,
    password bytea not null,
    host text,
    subnet text,
    port integer,
    ready_at timestamptz,
    created_at timestamptz not null default now()
  )`.execute(db)
}
