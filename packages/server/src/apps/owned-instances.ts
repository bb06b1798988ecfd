import type { RunState } from '@pandastack/contract'
import { sql } from 'kysely'
import type { KnownRun } from '../reconcile/diff.ts'
import type { Queryable } from '../store/database.ts'

/** Running instances that the database calls this server's. */
export async function ownedInstances(db: Queryable, serverId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from app_instances where state = 'running' and server_id = ${serverId}`.execute(db)
  return rows.map((row) => row.id)
}

/** Engines that hold instances, or queued ones that only they may start. */
export async function instanceEngines(db: Queryable): Promise<string[]> {
  const { rows } = await sql<{ engine_id: string }>`
    select distinct engine_id from app_instances
    where engine_id is not null and (state = 'running' or state = 'queued')`.execute(db)
  return rows.map((row) => row.engine_id)
}

/** Instances by id, as the reconciler compares them with the engine's units. All states of instances are states of runs. */
export async function readKnownInstances(db: Queryable, ids: readonly string[]): Promise<readonly KnownRun[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<{
    id: string
    state: Extract<RunState, 'queued' | 'running' | 'retrying' | 'cancelled' | 'lost'>
    attempt: number
    server_id: string | null
    ended_for_ms: number | null
  }>`
    select id, state, attempt, server_id, (extract(epoch from panda_now() - finished_at) * 1000)::float8 as ended_for_ms
    from app_instances where id = any (${[...ids]}::text[])`.execute(db)
  return rows.map(({ id, state, attempt, server_id, ended_for_ms }) => ({
    id,
    state,
    attempt,
    serverId: server_id,
    endedForMs: ended_for_ms,
  }))
}
