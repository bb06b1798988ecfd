import { type Kysely, sql } from 'kysely'

/**
 * What the API keeps: which key seals the secrets of this installation, and the answers to repeated POSTs. An answer is
 * stored sealed, since one of them may hold a token that is shown once.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table installation add column secret_key_id text`.execute(db)
  await sql`create table idempotency_keys (
    token_id text collate "C" not null references tokens (id) on delete cascade,
    key text not null,
    project_id text collate "C",
    route text not null,
    body_hash bytea not null,
    status integer not null,
    response bytea not null,
    created_at timestamptz not null default now(),
    primary key (token_id, key)
  )`.execute(db)
  await sql`create index idempotency_keys_created on idempotency_keys (created_at)`.execute(db)
}
