import { sql } from 'kysely'
import type { Queryable } from '../../store/database.ts'
import type { ClaimedRun } from '../claimed-run.ts'
import { sourcesOf, stateList, WAITING_STATES } from '../states.ts'
import { type ClaimedRow, toClaimedRun } from './claimed-row.ts'
import { pinned } from './pinned.ts'

export interface ClaimReady {
  readonly serverId: string
  readonly engineId: string
  readonly limit: number
}

/**
 * Claims waiting runs whose time has come, the longest waiting first. A queued run that an engine may already have a
 * unit of (`engine_id` is set) goes to a server of that engine only, so that no attempt starts on two. It goes there also
 * when it is to be cancelled or past its deadline: what the engine has made of it has to be looked at first.
 */
export async function claimReady(db: Queryable, { serverId, engineId, limit }: ClaimReady): Promise<ClaimedRun[]> {
  if (limit <= 0) return []
  const { rows } = await sql<ClaimedRow>`
    with ready as (
      select r.id from runs r join cronjobs c on c.id = r.cronjob_id
      where r.state in ${stateList(sourcesOf('running'))} and not r.held and r.available_at <= panda_now()
        and case when ${pinned} then r.engine_id = ${engineId}
          else r.cancel_reason is null and (r.attempt > 0 or c.deadline_ms is null
            or r.due_at + c.deadline_ms * interval '1 millisecond' >= panda_now()) end
      order by r.available_at, r.id limit ${limit}
      for update of r skip locked
    )
    update runs r set state = 'running', phase = 'preparing', attempt = r.attempt + 1, fence = r.fence + 1,
      server_id = ${serverId}, engine_id = ${engineId}, attempt_started_at = null, exit_code = null, reason = null,
      message = null
    from ready where r.id = ready.id
    returning r.id, r.project_id, r.cronjob_id, r.revision, r.attempt, r.fence, r.trigger, r.due_at`.execute(db)
  return rows.map(toClaimedRun).sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime())
}

/** Whether any run waits, ready or not: what keeps an idle server from asking more. */
export async function anyWaiting(db: Queryable): Promise<boolean> {
  const { rows } = await sql<{ waits: boolean }>`
    select exists (select 1 from runs where state in ${stateList(WAITING_STATES)}) as waits`.execute(db)
  return rows[0]?.waits === true
}

/** Milliseconds until the next waiting run may start, 0 when one may already; null when none waits for a time. */
export async function nextReadyInMs(db: Queryable): Promise<number | null> {
  const { rows } = await sql<{ wait_ms: number | null }>`
    select (extract(epoch from min(available_at) - panda_now()) * 1000)::float8 as wait_ms from runs r
    where r.state in ${stateList(sourcesOf('running'))} and not r.held and r.available_at > panda_now()`.execute(db)
  const wait = rows[0]?.wait_ms
  return wait === null || wait === undefined ? null : Math.max(0, wait)
}
