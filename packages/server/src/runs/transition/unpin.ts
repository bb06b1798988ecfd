import { sql } from 'kysely'
import type { Queryable } from '../../store/database.ts'
import { notifyRuns } from './notify-runs.ts'

const LIMIT = 500

/**
 * Frees queued runs of engines that no living server has. What those engines made of the attempt is not known: it is
 * recorded as lost, and the run waits on with the next number, so that nothing is started twice under one name.
 */
export async function unpinRuns(trx: Queryable, engineIds: readonly string[]): Promise<number> {
  if (engineIds.length === 0) return 0
  const { rows } = await sql<{ id: string }>`
    with freed as (
      update runs set engine_id = null, attempt = attempt + 1, lost_attempts = lost_attempts + 1
      where id in (
        select id from runs where state = 'queued' and engine_id = any (${[...engineIds]}::text[])
        limit ${LIMIT} for update skip locked
      )
      returning id, attempt
    )
    insert into attempts (run_id, number, outcome, reason, message, finished_at)
    select id, attempt, 'lost', 'lost', 'its engine went away while it was asked to start it and did not come back', panda_now()
    from freed returning run_id as id`.execute(trx)
  await notifyRuns(
    trx,
    rows.map((row) => row.id),
  )
  return rows.length
}
