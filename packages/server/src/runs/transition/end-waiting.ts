import { formatDuration, type Reason } from '@pandastack/contract'
import { sql } from 'kysely'
import { noteRunEvents } from '../../alerts/note-run-events.ts'
import type { Database, Queryable } from '../../store/database.ts'
import { cancelMessage } from '../cancel-message.ts'
import { sourcesOf, stateList, WAITING_STATES } from '../states.ts'
import { notifyRuns } from './notify-runs.ts'
import { pinned } from './pinned.ts'
import { lockCronjobs, releaseHeld } from './release-held.ts'

interface Ending {
  readonly id: string
  readonly project_id: string
  readonly cronjob_id: string
  readonly to: 'cancelled' | 'skipped'
  readonly reason: Reason
  readonly cancel_by: string | null
  readonly deadline_ms: number | null
}

/** Waiting runs looked at in one go, oldest first. */
const PAGE = 1000

/**
 * Ends runs that will not start: those that somebody wants cancelled, and those whose deadline has passed while they
 * waited. Not those that an engine may have a unit of: whoever has that engine looks first. What was held behind them is
 * let go in the same transaction.
 *
 * @param ids only these; default: whatever is found
 * @returns how many have ended
 */
export async function endWaiting(db: Database, ids?: readonly string[]): Promise<number> {
  const found = await findEndings(db, ids)
  if (found.length === 0) return 0
  return db.transaction().execute((trx) => end(trx, found))
}

async function findEndings(db: Queryable, ids: readonly string[] | undefined): Promise<Ending[]> {
  const only = ids === undefined ? sql`true` : sql`r.id = any (${[...ids]}::text[])`
  const { rows } = await sql<Ending>`
    (select r.id, r.project_id, r.cronjob_id, 'cancelled' as "to", r.cancel_reason as reason, r.cancel_by,
        null::bigint as deadline_ms
      from runs r where r.state in ${stateList(WAITING_STATES)} and r.cancel_reason is not null and ${only}
        and not ${pinned}
      limit ${PAGE})
    union all
    (select r.id, r.project_id, r.cronjob_id, 'skipped', 'deadline', null, c.deadline_ms
      from (
        select * from runs r
        where r.state in ${stateList(WAITING_STATES)} and not r.held and r.available_at <= panda_now() and ${only}
          and not ${pinned}
        order by r.available_at, r.id limit ${PAGE}
      ) r
      join cronjobs c on c.id = r.cronjob_id
      where r.cancel_reason is null and r.attempt = 0 and r.due_at + c.deadline_ms * interval '1 millisecond' < panda_now())
    `.execute(db)
  return rows
}

async function end(trx: Queryable, found: readonly Ending[]): Promise<number> {
  const cronjobIds = found.map((run) => run.cronjob_id)
  const locked = await lockCronjobs(trx, cronjobIds)
  const moved = new Set([...(await move(trx, found, 'cancelled')), ...(await move(trx, found, 'skipped'))])
  const skipped = found.filter((run) => run.to === 'skipped' && moved.has(run.id))
  await noteRunEvents(
    trx,
    skipped.map((run) => ({
      runId: run.id,
      projectId: run.project_id,
      cronjobId: run.cronjob_id,
      event: 'skipped' as const,
    })),
  )
  const released = await releaseHeld(trx, [...locked.keys()])
  await notifyRuns(trx, [...moved, ...released])
  return moved.size
}

async function move(trx: Queryable, found: readonly Ending[], to: Ending['to']): Promise<string[]> {
  const runs = found.filter((run) => run.to === to).sort((a, b) => (a.id < b.id ? -1 : 1))
  if (runs.length === 0) return []
  const sources = sourcesOf(to).filter((state) => state !== 'running')
  const { rows } = await sql<{ id: string }>`
    update runs r set state = ${to}, reason = u.reason, message = u.message, held = false, finished_at = panda_now()
    from unnest(
      ${runs.map((run) => run.id)}::text[], ${runs.map((run) => run.reason)}::text[],
      ${runs.map(messageOf)}::text[]
    ) as u (id, reason, message)
    where r.id = u.id and r.state in ${stateList(sources)}
    returning r.id`.execute(trx)
  return rows.map((row) => row.id)
}

function messageOf(run: Ending): string {
  if (run.to === 'cancelled') return cancelMessage(run.reason, run.cancel_by)
  return `could not start within ${formatDuration(run.deadline_ms ?? 0)} of its due time`
}
