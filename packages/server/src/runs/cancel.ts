import { isFinal, PandaError, type RunState } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Database } from '../store/database.ts'
import { runNotFound } from './queries.ts'
import { ACTIVE_STATES, stateList } from './states.ts'
import { endWaiting } from './transition/end-waiting.ts'
import { notifyRuns } from './transition/notify-runs.ts'

/**
 * Asks for the end of a run. One that waits ends at once; one that runs is stopped by its server (SIGTERM, grace,
 * SIGKILL) and ends soon after. To ask twice is no mistake.
 *
 * @param who shown in the run's row: the token's name
 * @throws PandaError `not_found`, `run_finished`
 */
export async function cancelRun(db: Database, projectId: string, id: string, who: string | null): Promise<void> {
  const state = await db.transaction().execute(async (trx) => {
    // The cronjob before its run, as everybody: this may be a part of a larger transaction, which then ends waiting runs.
    await sql`
      select 1 from cronjobs where id = (select cronjob_id from runs where project_id = ${projectId} and id = ${id})
      for no key update`.execute(trx)
    const { rows } = await sql<{ state: RunState }>`
      update runs set cancel_reason = coalesce(cancel_reason, 'by-hand'),
        cancel_by = case when cancel_reason is null then ${who} else cancel_by end
      where project_id = ${projectId} and id = ${id} and state in ${stateList(ACTIVE_STATES)}
      returning state`.execute(trx)
    if (rows[0] !== undefined) await notifyRuns(trx, [id])
    return rows[0]?.state
  })
  if (state === undefined) throw await whyNot(db, projectId, id)
  if (state !== 'running') await endWaiting(db, [id])
}

async function whyNot(db: Database, projectId: string, id: string): Promise<PandaError> {
  const run = await db
    .selectFrom('runs')
    .select('state')
    .where('project_id', '=', projectId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (run === undefined) return runNotFound(id)
  const how = isFinal(run.state) ? run.state : 'ended'
  return new PandaError('run_finished', `The run ${id} has ended already: ${how}.`)
}
