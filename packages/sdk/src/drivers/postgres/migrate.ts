import { PandaError } from '../../errors.ts'
import type { Connections, Query } from './connect.ts'
import { READABLE_FROM, SCHEMA_STEPS } from './schema/index.ts'

/** Half of an advisory lock's key: "panda". The other half is the schema's name. */
export const SCHEMA_LOCK_CLASS = 1_885_434_465
const OLDEST_SERVER = 130_000

/**
 * Makes the schema, or brings an older one up to date; any number of processes may do so at once.
 * @throws PandaError unsupported_version when server or schema do not fit, unauthorized when it may not be made
 */
export async function migrate(connections: Connections, schema: string): Promise<void> {
  await connections.within(`look at the schema ${schema}`, async (query) => {
    const [server] = await query(
      `select current_setting('server_version_num')::int as version, current_setting('server_version') as name`,
    )
    if (Number(server?.['version']) < OLDEST_SERVER) {
      throw new PandaError(
        'unsupported_version',
        `this is PostgreSQL ${String(server?.['name'])}, the queue needs 13 or newer`,
      )
    }
    if ((await versionOf(query, schema)) >= SCHEMA_STEPS.length) return
    await query('begin')
    await query('select pg_advisory_xact_lock($1, hashtext($2))', [SCHEMA_LOCK_CLASS, schema])
    const version = await versionOf(query, schema)
    for (let step = version; step < SCHEMA_STEPS.length; step += 1) await apply(query, schema, step)
    await query('commit')
  })
}

async function apply(query: Query, schema: string, step: number): Promise<void> {
  if (step === 0) {
    // Not `if not exists`, which asks for the right to make one even when it is there.
    const [there] = await query('select 1 from pg_namespace where nspname = $1', [schema])
    if (there === undefined) await query(`create schema ${schema}`)
    await query(
      `create table ${schema}.versions (version int4 primary key, readable_from int4 not null, applied_at timestamptz not null default now())`,
    )
  }
  const text = SCHEMA_STEPS[step] ?? ''
  await query(text.replaceAll('{s}', schema).replaceAll('{channel}', channelPrefix(schema)))
  await query(`insert into ${schema}.versions (version, readable_from) values ($1, $2)`, [step + 1, READABLE_FROM])
}

/** Channels of LISTEN, one per queue: this and the queue's number. */
export function channelPrefix(schema: string): string {
  return `${schema}_`
}

/** Told when the log of events has grown. */
export function eventsChannel(schema: string): string {
  return `${channelPrefix(schema)}events`
}

/** Told when a transaction that wrote into this table of the outbox has committed. */
export function outboxChannel(schema: string, table: OutboxTable): string {
  return `${schema}_${table}`
}

export type OutboxTable = 'outbox' | 'event_outbox'

async function versionOf(query: Query, schema: string): Promise<number> {
  // Not `to_regclass`: it may answer from a cache that does not see what another process made while we waited for the lock.
  const [there] = await query(
    `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = $1 and c.relname = 'versions') as is_there`,
    [schema],
  )
  if (there?.['is_there'] !== true) return 0
  const [row] = await query(
    `select coalesce(max(version), 0) as version, coalesce(max(readable_from), 0) as readable_from from ${schema}.versions`,
  )
  if (Number(row?.['readable_from']) > SCHEMA_STEPS.length) {
    throw new PandaError(
      'unsupported_version',
      `the schema ${schema} has version ${String(row?.['version'])}, this SDK knows ${SCHEMA_STEPS.length}`,
      { hint: 'Update @pandastack/sdk in this process.' },
    )
  }
  return Number(row?.['version'])
}
