import { type Kysely, sql } from 'kysely'

/**
 * The first schema. `panda_now()` is the one clock that all due times and leases compare against; tests replace it.
 * Ids sort by their time (UUID version 7), so they are compared in the C collation, in each column that
 * holds one: an index of another collation is not used to join them. `runs` has no foreign keys on
 * purpose: 100,000 rows may be inserted in one second, and the rows they point to are never removed before them.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await clockAndSettings(db)
  await cronjobs(db)
  await runs(db)
  await logs(db)
}

async function clockAndSettings(db: Kysely<unknown>): Promise<void> {
  await sql`create function panda_now() returns timestamptz language sql stable parallel safe as 'select now()'`.execute(
    db,
  )
  await sql`create table installation (id text primary key, created_at timestamptz not null default now())`.execute(db)
  await sql`create table projects (
    id text collate "C" primary key,
    name text not null unique,
    created_at timestamptz not null default now()
  )`.execute(db)
  await sql`create table tokens (
    id text collate "C" primary key,
    name text not null,
    hash bytea not null unique,
    scopes text[] not null,
    project_id text collate "C" references projects (id) on delete cascade,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    expires_at timestamptz
  )`.execute(db)
  await sql`create table env_variables (
    project_id text collate "C" not null references projects (id) on delete cascade,
    name text not null,
    value text not null,
    updated_at timestamptz not null default now(),
    primary key (project_id, name)
  )`.execute(db)
  await sql`create table secrets (
    id text collate "C" primary key,
    project_id text collate "C" not null references projects (id) on delete cascade,
    cronjob_id text collate "C",
    kind text not null,
    name text not null,
    ciphertext bytea not null,
    fingerprint text not null,
    version integer not null default 1,
    updated_at timestamptz not null default now()
  )`.execute(db)
  await sql`create unique index secrets_name on secrets (project_id, coalesce(cronjob_id, ''), kind, name)`.execute(db)
  await sql`create table servers (
    id text collate "C" primary key,
    engine_id text collate "C" not null,
    runtime text not null,
    lock_key bigint not null,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now()
  )`.execute(db)
}

/** The columns beside `spec` are copies of its fields that the claim of due ticks reads without parsing JSON. */
async function cronjobs(db: Kysely<unknown>): Promise<void> {
  await sql`create table cronjobs (
    id text collate "C" primary key,
    project_id text collate "C" not null references projects (id),
    name text not null,
    revision integer not null default 1,
    spec jsonb not null,
    schedule text not null,
    timezone text not null,
    suspended boolean not null,
    concurrency text not null,
    missed text not null,
    missed_limit integer not null,
    deadline_ms bigint,
    jitter_ms bigint not null,
    max_attempts integer not null,
    next_due_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
  )`.execute(db)
  await sql`create unique index cronjobs_name on cronjobs (project_id, name) where deleted_at is null`.execute(db)
  await sql`create index cronjobs_due on cronjobs (next_due_at) where next_due_at is not null`.execute(db)
  await sql`create table cronjob_revisions (
    cronjob_id text collate "C" not null,
    revision integer not null,
    spec jsonb not null,
    created_at timestamptz not null default now(),
    primary key (cronjob_id, revision)
  )`.execute(db)
}

/**
 * The live attempt is held in the run's own row (`attempt`, `server_id`, `fence`, …), so that a tick costs one insert;
 * an attempt gets its row in `attempts` when it ends.
 */
async function runs(db: Kysely<unknown>): Promise<void> {
  await sql`create table runs (
    id text collate "C" primary key,
    project_id text collate "C" not null,
    cronjob_id text collate "C" not null,
    revision integer not null,
    trigger text not null,
    who text,
    state text collate "C" not null,
    phase text,
    reason text,
    message text,
    due_at timestamptz not null,
    tick_note text,
    available_at timestamptz not null,
    held boolean not null default false,
    attempt integer not null default 0,
    max_attempts integer not null default 1,
    lost_attempts integer not null default 0,
    server_id text collate "C",
    engine_id text collate "C",
    fence integer not null default 0,
    attempt_started_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    exit_code integer,
    image_digest text,
    env_snapshot jsonb,
    overrides jsonb,
    replay_of text,
    cancel_reason text,
    cancel_by text,
    late_noted boolean not null default false,
    created_at timestamptz not null default now()
  )`.execute(db)
  // One schedule + one due time = one row (promise 3); a hand-made run may share the time.
  await sql`create unique index runs_tick on runs (cronjob_id, due_at) where trigger in ('schedule', 'catch-up')`.execute(
    db,
  )
  await sql`create index runs_project on runs (project_id, id)`.execute(db)
  await sql`create index runs_cronjob on runs (cronjob_id, id)`.execute(db)
  await sql`create index runs_active on runs (available_at, id) where state in ('scheduled', 'queued', 'retrying')`.execute(
    db,
  )
  await sql`create index runs_running on runs (server_id) where state = 'running'`.execute(db)
  await sql`create index runs_active_cronjob on runs (cronjob_id) where (state || '') in ('scheduled', 'queued', 'running', 'retrying')`.execute(
    db,
  )
  await sql`create index runs_bad on runs (project_id, state, id) where state in ('failed', 'cancelled', 'lost', 'skipped', 'missed')`.execute(
    db,
  )
  await sql`create table attempts (
    run_id text collate "C" not null,
    number integer not null,
    outcome text not null,
    reason text,
    message text,
    exit_code integer,
    image_digest text,
    server_id text collate "C",
    started_at timestamptz,
    finished_at timestamptz not null,
    primary key (run_id, number)
  )`.execute(db)
}

/** Lines are stored in chunks; `body` is one JSON array `[line, attempt, stream, epoch ms, text]` per row of text. */
async function logs(db: Kysely<unknown>): Promise<void> {
  await sql`create table log_chunks (
    run_id text collate "C" not null,
    first_line bigint not null,
    line_count integer not null,
    attempt integer not null,
    bytes integer not null,
    first_time timestamptz not null,
    last_time timestamptz not null,
    body text not null,
    primary key (run_id, first_line)
  )`.execute(db)
  await sql`create table run_logs (
    run_id text collate "C" primary key,
    attempt integer not null,
    lines bigint not null default 0,
    bytes bigint not null default 0,
    dropped_lines bigint not null default 0,
    dropped_bytes bigint not null default 0,
    cursor text,
    complete boolean not null default false
  )`.execute(db)
}
