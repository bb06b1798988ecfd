import { sql } from 'kysely'
import type { Queryable } from '../../store/database.ts'
import type { ClaimedRun } from '../claimed-run.ts'
import { type ClaimedRow, toClaimedRun } from './claimed-row.ts'

export interface AdoptRuns {
  readonly serverId: string
  readonly engineId: string
  /** Whose runs: servers that are dead, or ourselves for runs that we have lost sight of. */
  readonly from: readonly string[]
  /** Only these of them. */
  readonly ids?: readonly string[]
  readonly limit: number
}

/**
 * Takes over running runs of this engine. They stay `running`; their fence goes up, so that whatever the former owner
 * may still write is refused.
 */
export async function adoptRuns(
  db: Queryable,
  { serverId, engineId, from, ids, limit }: AdoptRuns,
): Promise<ClaimedRun[]> {
  const only = ids === undefined ? sql`true` : sql`r.id = any (${[...ids]}::text[])`
  const { rows } = await sql<ClaimedRow>`
    with orphaned as (
      select r.id from runs r
      where r.state = 'running' and r.server_id = any (${[...from]}::text[]) and r.engine_id = ${engineId} and ${only}
      order by r.id limit ${limit} for update skip locked
    )
    update runs r set server_id = ${serverId}, fence = r.fence + 1
    from orphaned where r.id = orphaned.id
    returning r.id, r.project_id, r.cronjob_id, r.revision, r.attempt, r.fence, r.trigger, r.due_at`.execute(db)
  return rows.map(toClaimedRun)
}
