import { type Kysely, sql } from 'kysely'

/**
 * Alerts by an outbox: an event is stored in the transaction that changes the run (`alert_events`), gathered into a
 * message (`alert_deliveries`), sent with retries. `cronjobs.failing` remembers that a recovery is owed.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table alerts (
    id text collate "C" primary key,
    project_id text collate "C" not null references projects (id) on delete cascade,
    cronjob_id text collate "C",
    name text not null,
    events text[] not null,
    channel_kind text not null,
    channel_target text not null,
    channel bytea not null,
    late_after_ms bigint not null,
    group_for_ms bigint not null,
    quiet_until timestamptz,
    created_at timestamptz not null default now(),
    unique (project_id, name)
  )`.execute(db)
  await sql`create table alert_deliveries (
    id text collate "C" primary key,
    alert_id text not null references alerts (id) on delete cascade,
    state text collate "C" not null,
    attempts integer not null default 0,
    events integer not null default 0,
    summary text not null,
    payload jsonb not null,
    last_error text,
    created_at timestamptz not null default now(),
    next_attempt_at timestamptz,
    locked_until timestamptz,
    sent_at timestamptz
  )`.execute(db)
  await sql`create index alert_deliveries_pending on alert_deliveries (next_attempt_at) where state = 'pending'`.execute(
    db,
  )
  await sql`create table alert_events (
    id bigint generated always as identity primary key,
    alert_id text not null references alerts (id) on delete cascade,
    run_id text collate "C" not null,
    event text not null,
    created_at timestamptz not null default now(),
    delivery_id text
  )`.execute(db)
  await sql`create index alert_events_open on alert_events (alert_id) where delivery_id is null`.execute(db)
  await sql`alter table cronjobs add column failing boolean not null default false`.execute(db)
}
