import { type Kysely, sql } from 'kysely'

/** Apps, their revisions, and the instances that run (or ran) of them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table apps (
    id text collate "C" primary key,
    project_id text collate "C" not null references projects (id),
    name text not null,
    replicas integer not null,
    stopped boolean not null default false,
    revision integer not null default 1,
    ready_revision integer,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
  )`.execute(db)
  await sql`create unique index apps_name on apps (project_id, name) where deleted_at is null`.execute(db)
  await sql`create table app_revisions (
    app_id text collate "C" not null references apps (id) on delete cascade,
    revision integer not null,
    spec jsonb not null,
    state text not null,
    message text,
    image_digest text,
    env_snapshot jsonb,
    rollback_of integer,
    by text,
    created_at timestamptz not null default now(),
    ready_at timestamptz,
    primary key (app_id, revision)
  )`.execute(db)
  await sql`create table app_instances (
    id text collate "C" primary key,
    app_id text collate "C" not null references apps (id) on delete cascade,
    project_id text collate "C" not null,
    revision integer not null,
    slot integer not null,
    state text collate "C" not null,
    phase text,
    reason text,
    message text,
    exit_code integer,
    server_id text collate "C",
    engine_id text collate "C",
    fence integer not null default 0,
    attempt integer not null default 0,
    crashes integer not null default 0,
    available_at timestamptz not null,
    attempt_started_at timestamptz,
    ready_at timestamptz,
    finished_at timestamptz,
    cancel_reason text,
    cancel_by text,
    replaced_by integer,
    drain_finished integer,
    drain_handed_back integer,
    created_at timestamptz not null default now()
  )`.execute(db)
  await sql`create index app_instances_app on app_instances (app_id, revision, slot)`.execute(db)
  await sql`create index app_instances_live on app_instances (state, available_at)
    where state in ('queued', 'running', 'retrying')`.execute(db)
  // Two of one slot never live at once, whatever servers do at the same moment.
  await sql`create unique index app_instances_slot on app_instances (app_id, revision, slot)
    where state in ('queued', 'running', 'retrying') and cancel_reason is null`.execute(db)
}
