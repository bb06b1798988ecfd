import { SCHEMA_LOCK_CLASS } from '../../drivers/postgres/migrate.ts'
import type { SqlRunner } from '../../queue/driver.ts'

/** Single statements without parameters, which every client takes. In the order of the key ids rise with time. */
const STATEMENTS = [
  'create schema if not exists {s}',
  `create table {s}.inbox (
    subscription text not null,
    id text not null,
    source text not null,
    handled_at timestamptz not null default now(),
    primary key (subscription, id, source)
  ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)`,
  'create index inbox_age on {s}.inbox (subscription, handled_at)',
]

/** Makes the table of the inbox if it is not there; any number of processes may do so at once. */
export async function prepareInbox(run: SqlRunner, schema: string): Promise<void> {
  if (await isThere(run, schema)) return
  await run('select pg_advisory_xact_lock($1::int4, hashtext($2::text))::text as locked', [SCHEMA_LOCK_CLASS, schema])
  if (await isThere(run, schema)) return
  for (const statement of STATEMENTS) await run(statement.replaceAll('{s}', schema), [])
}

/** Not `to_regclass`: it may answer from a cache that does not see what another process made while we waited for the lock. */
async function isThere(run: SqlRunner, schema: string): Promise<boolean> {
  const [row] = await run(
    `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = $1::text and c.relname = 'inbox') as there`,
    [schema],
  )
  return row?.['there'] === true
}
