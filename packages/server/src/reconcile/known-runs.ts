import type { RunState } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import { readKnownInstances } from '../apps/owned-instances.ts'
import type { KnownRun } from './diff.ts'

const isInstance = (id: string): boolean => id.startsWith('ins_')

/** Runs and instances of apps by id, as the database has them now; pages of 5,000. */
export async function readKnownRuns(db: Queryable, ids: Iterable<string>): Promise<Map<string, KnownRun>> {
  const known = new Map<string, KnownRun>()
  const unique = [...new Set(ids)]
  const all = unique.filter((id) => !isInstance(id))
  for (const instance of await readKnownInstances(db, unique.filter(isInstance))) known.set(instance.id, instance)
  for (let from = 0; from < all.length; from += 5000) {
    const { rows } = await sql<{
      id: string
      state: RunState
      attempt: number
      server_id: string | null
      ended_for_ms: number | null
    }>`
      select id, state, attempt, server_id,
        (extract(epoch from panda_now() - finished_at) * 1000)::float8 as ended_for_ms
      from runs where id = any (${all.slice(from, from + 5000)}::text[])`.execute(db)
    for (const { id, state, attempt, server_id: serverId, ended_for_ms: endedForMs } of rows) {
      known.set(id, { id, state, attempt, serverId, endedForMs })
    }
  }
  return known
}

/** Running runs that the database calls ours. */
export async function listOwned(db: Queryable, serverId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from runs where state = 'running' and server_id = ${serverId}`.execute(db)
  return rows.map((row) => row.id)
}
