import { sql } from 'kysely'
import { noteRunEvents } from '../alerts/note-run-events.ts'
import type { Database, Queryable } from '../store/database.ts'
import { isActive } from './states.ts'

/** Runs noted per call. */
const LIMIT = 1000

/**
 * The smallest `late_after_ms` among the alerts that hear of late runs of the cronjob `r.cronjob_id`; null = none. Its
 * run tells all of them, once.
 */
export const lateAfter = sql<number | null>`(
  select min(a.late_after_ms) from alerts a
  where a.project_id = r.project_id and 'late' = any (a.events) 
    and (a.cronjob_id = r.cronjob_id or (a.cronjob_id is null and a.app_id is null))
)`

/** The same for many runs: asks once for all alerts of these projects that hear of late runs. */
export async function readLateListeners(
  db: Queryable,
  projectIds: readonly string[],
): Promise<(run: { readonly projectId: string; readonly cronjobId: string }) => number | null> {
  const { rows } = await sql<{ place: string; after: number }>`
    select coalesce(cronjob_id, project_id) as place, min(late_after_ms) as after from alerts
    where project_id = any (${[...projectIds]}::text[]) and 'late' = any (events) and (cronjob_id is not null or app_id is null)
    group by 1`.execute(db)
  if (rows.length === 0) return () => null
  const places = new Map(rows.map(({ place, after }) => [place, after]))
  return ({ projectId, cronjobId }) => {
    const after = Math.min(places.get(projectId) ?? Infinity, places.get(cronjobId) ?? Infinity)
    return after === Infinity ? null : after
  }
}

/**
 * Notes runs that should have started by now and still wait. (A run that starts late is noted when its start is
 * recorded.) Costs next to nothing while no alert listens.
 *
 * @returns how many were noted
 */
export function noteLateRuns(db: Database): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ id: string; project_id: string; cronjob_id: string }>`
      with listening as (select project_id, min(late_after_ms) as at_least from alerts where 'late' = any (events) group by 1),
      late as (
        select r.id from listening l
        join cronjobs c on c.project_id = l.project_id
        join runs r on r.cronjob_id = c.id
        where ${isActive('r')} and not r.late_noted and r.started_at is null
          and r.due_at + l.at_least * interval '1 millisecond' < panda_now()
          and r.due_at + ${lateAfter} * interval '1 millisecond' < panda_now()
        limit ${LIMIT} for update of r skip locked
      )
      update runs r set late_noted = true from late where r.id = late.id
      returning r.id, r.project_id, r.cronjob_id`.execute(trx)
    await noteRunEvents(
      trx,
      rows.map((row) => ({
        runId: row.id,
        projectId: row.project_id,
        cronjobId: row.cronjob_id,
        event: 'late' as const,
      })),
    )
    return rows.length
  })
}
