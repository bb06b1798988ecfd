import { sql } from 'kysely'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { Queryable } from '../store/database.ts'

export interface Claimer {
  readonly serverId: string
  readonly engineId: string
}

interface ClaimedRow {
  readonly id: string
  readonly project_id: string
  readonly app_id: string
  readonly revision: number
  readonly attempt: number
  readonly fence: number
  readonly pinned_image: boolean
  readonly created_at: Date
}

/** A revision whose image and variables are known is started with exactly these, as a replay of a run is. */
const claimed = sql`i.id, i.project_id, i.app_id, i.revision, i.attempt, i.fence, i.created_at,
  exists (select 1 from app_revisions v where v.app_id = i.app_id and v.revision = i.revision
    and v.env_snapshot is not null) as pinned_image`

function toClaimed(row: ClaimedRow): ClaimedRun {
  return {
    id: row.id,
    projectId: row.project_id,
    cronjobId: row.app_id,
    revision: row.revision,
    attempt: row.attempt,
    fence: row.fence,
    trigger: row.pinned_image ? 'replay' : 'manual',
    dueAt: row.created_at,
  }
}

/**
 * Claims instances whose time has come. One that an engine may already have a unit of (`queued` with an `engine_id`)
 * goes to a server of that engine only, so does one that is to take over a port there; the former also when it is to end: what the engine has made of it has to be looked at first.
 */
export async function claimInstances(db: Queryable, { serverId, engineId }: Claimer): Promise<ClaimedRun[]> {
  const { rows } = await sql<ClaimedRow>`
    with ready as (
      select i.id from app_instances i
      where i.state in ('queued', 'retrying') and i.available_at <= panda_now()
        and not (i.held and i.image_ready_at is not null)
        and case when i.state = 'queued' and i.engine_id is not null then i.engine_id = ${engineId}
          else i.cancel_reason is null end
      order by i.available_at, i.id for update skip locked
    )
    update app_instances i set state = 'running', phase = 'preparing', attempt = i.attempt + 1, fence = i.fence + 1,
      server_id = ${serverId}, engine_id = ${engineId}, attempt_started_at = null, ready_at = null,
      workers = '{}', drain_held = null, drain_finished = null, drain_handed_back = null
    from ready where i.id = ready.id returning ${claimed}`.execute(db)
  return rows.map(toClaimed)
}

/** Takes over running instances of this engine from servers that are dead, or from ourselves when we lost sight of them. */
export async function adoptInstances(
  db: Queryable,
  { serverId, engineId }: Claimer,
  from: readonly string[],
  ids?: readonly string[],
): Promise<ClaimedRun[]> {
  const only = ids === undefined ? sql`true` : sql`i.id = any (${[...ids]}::text[])`
  const { rows } = await sql<ClaimedRow>`
    with orphaned as (
      select i.id from app_instances i
      where i.state = 'running' and i.server_id = any (${[...from]}::text[]) and i.engine_id = ${engineId} and ${only}
      for update skip locked
    )
    update app_instances i set server_id = ${serverId}, fence = i.fence + 1
    from orphaned where i.id = orphaned.id returning ${claimed}`.execute(db)
  return rows.map(toClaimed)
}

/** Instances on an engine that no living server reaches end `lost`: the planner fills their slots anew. @returns how many */
export async function giveUpInstances(db: Queryable, engines: readonly string[]): Promise<number> {
  const { numAffectedRows } = await sql`
    update app_instances i set state = 'lost', phase = null, reason = 'lost', fence = i.fence + 1, finished_at = panda_now(),
      message = 'its engine is not reachable by any living server'
    where i.state in ('queued', 'running') and i.engine_id = any (${[...engines]}::text[])`.execute(db)
  return Number(numAffectedRows ?? 0n)
}
