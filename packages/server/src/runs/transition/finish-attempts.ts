import { sql } from 'kysely'
import type { Database, Queryable } from '../../store/database.ts'
import { sqlArray } from '../../store/sql-array.ts'
import { mayMove } from '../states.ts'
import type { EndedAttempt, MovedRun } from './ended-attempt.ts'
import { endingsOf, noteHealth } from './health.ts'
import { notifyRuns } from './notify-runs.ts'
import { lockCronjobs, releaseHeld } from './release-held.ts'
import { stillRunning } from './fenced.ts'

/**
 * Records the ends of attempts: the attempt's row, the run's new state, what waited behind it, and what the alerts hear,
 * all in one transaction. To repeat it after a commit in doubt is safe.
 *
 * @returns per item whether the result was accepted; false = another server has the run, the result is refused
 */
export function finishAttempts(db: Database, items: readonly EndedAttempt[]): Promise<boolean[]> {
  for (const { next } of items) {
    if (!mayMove('running', next.state)) throw new Error(`a running run cannot become ${next.state}`)
  }
  return db.transaction().execute(async (trx) => {
    const cronjobIds = items.map((item) => item.cronjobId)
    const locked = await lockCronjobs(trx, cronjobIds, endingsOf(items))
    const { moved, accepted } = await moveRuns(trx, items)
    await noteHealth(trx, moved, locked)
    const released = await releaseHeld(trx, [...locked.keys()])
    await notifyRuns(trx, [...moved.map((run) => run.id), ...released])
    return items.map((item) => accepted.has(item.id))
  })
}

interface ResultRow extends MovedRun {
  readonly was_moved: boolean
}

/** A run that is not `running` any more but has our fence was ended by us: only its owner could have. */
async function moveRuns(
  trx: Queryable,
  items: readonly EndedAttempt[],
): Promise<{ moved: MovedRun[]; accepted: ReadonlySet<string> }> {
  const { rows } = await sql<ResultRow>`
    with input as (select * from ${inputOf(items)}),
    moved as (
      update runs r set
        state = ${newState}, phase = null, message = i.message, exit_code = i.exit_code,
        reason = case when ${newState} = i.state then i.reason else r.cancel_reason end,
        lost_attempts = r.lost_attempts + case when i.outcome = 'lost' then 1 else 0 end,
        available_at = case when ${newState} = 'retrying'
          then panda_now() + i.delay * interval '1 millisecond' else r.available_at end,
        finished_at = case when ${newState} = 'retrying' then null else ${endTime} end
      from input i where r.id = i.id and r.fence = i.fence and ${stillRunning}
      returning r.id, r.project_id, r.cronjob_id, r.state, r.attempt, i.outcome, i.reason as attempt_reason, i.message,
        i.exit_code, r.image_digest, r.server_id, r.attempt_started_at, ${endTime} as ended_at
    ),
    kept as (
      insert into attempts (run_id, number, outcome, reason, message, exit_code, image_digest, server_id, started_at,
        finished_at)
      select id, attempt, outcome, attempt_reason, message, exit_code, image_digest, server_id, attempt_started_at, ended_at
      from moved
    )
    select i.id, coalesce(m.project_id, '') as project_id, coalesce(m.cronjob_id, '') as cronjob_id,
      coalesce(m.state, r.state) as state, m.id is not null as was_moved
    from input i left join moved m on m.id = i.id left join runs r on r.id = i.id
    where m.id is not null or (r.fence = i.fence and r.state <> 'running')`.execute(trx)
  return { moved: rows.filter((row) => row.was_moved), accepted: new Set(rows.map((row) => row.id)) }
}

function inputOf(items: readonly EndedAttempt[]) {
  return sql`unnest(
    ${sqlArray(items.map((item) => item.id))}::text[], ${sqlArray(items.map((item) => item.fence))}::int[],
    ${items.map((item) => item.next.state)}::text[],
    ${items.map((item) => (item.next.state === 'retrying' ? item.next.delayMs : 0))}::float8[],
    ${items.map((item) => item.verdict.outcome)}::text[], ${items.map((item) => item.verdict.reason)}::text[],
    ${items.map((item) => item.verdict.message?.replaceAll('\0', '') ?? null)}::text[],
    ${items.map((item) => item.verdict.exitCode)}::int[],
    ${items.map((item) => item.finishedAt?.toISOString() ?? null)}::timestamptz[]
  ) as i (id, fence, state, delay, outcome, reason, message, exit_code, finished)`
}

/** A run that somebody wants to end is not tried again. */
const newState = sql`case when i.state = 'retrying' and r.cancel_reason is not null then 'cancelled' else i.state end`
/** An engine's clock may be wrong: its time counts only between the start and now. */
const endTime = sql`greatest(r.attempt_started_at, least(panda_now(), coalesce(i.finished, panda_now())))`
