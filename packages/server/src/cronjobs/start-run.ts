import { type Concurrency, PandaError, type RunOverrides } from '@pandastack/contract'
import { sql } from 'kysely'
import { cancelActiveRuns, countActiveRuns } from '../scheduler/active-runs.ts'
import { MAX_WAITING } from '../scheduler/limits.ts'
import { type ActiveRuns, NONE_ACTIVE } from '../scheduler/plan-ticks.ts'
import type { Database, Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { lockCronjob } from './lock-cronjob.ts'

export interface StartRunRequest {
  /** Shown in the run's row: the token's name. */
  readonly who: string | null
  readonly overrides?: RunOverrides
  /** For this run only; default: the cronjob's. */
  readonly concurrency?: Concurrency | undefined
}

/**
 * Starts a run by hand, also of a paused cronjob. It is queued, and any server takes it at once.
 *
 * @returns the run's id
 * @throws PandaError `not_found`, `run_active` (policy forbid), `too_many_requests` (policy queue, 100 runs wait)
 */
export async function startRun(
  db: Database,
  projectId: string,
  name: string,
  request: StartRunRequest,
): Promise<string> {
  return db.transaction().execute(async (trx) => {
    const cronjob = await lockCronjob(trx, projectId, name)
    const concurrency = request.concurrency ?? cronjob.spec.concurrency
    const active = (await countActiveRuns(trx, [cronjob.id])).get(cronjob.id) ?? NONE_ACTIVE
    assertMayStart(name, concurrency, active)
    if (concurrency === 'replace' && active.total > 0) await cancelActiveRuns(trx, [cronjob.id], 'replaced')
    const held = active.total > 0 && (concurrency === 'replace' || concurrency === 'queue')
    const id = newId('run')
    await insertRun(trx, { id, projectId, held, cronjob, request })
    await sql`select pg_notify('panda_runs', ${id})`.execute(trx)
    return id
  })
}

/** @throws PandaError `run_active`, `too_many_requests`. */
export function assertMayStart(name: string, concurrency: Concurrency, active: ActiveRuns): void {
  if (concurrency === 'forbid' && active.total > 0) {
    throw new PandaError('run_active', `A run of "${name}" is active and its concurrency policy is forbid.`)
  }
  if (concurrency === 'queue' && active.waiting >= MAX_WAITING) {
    throw new PandaError('too_many_requests', `${MAX_WAITING} runs of "${name}" are waiting already.`, {
      hint: 'Cancel some of them, or repeat with --concurrency allow.',
    })
  }
}

async function insertRun(
  trx: Queryable,
  run: {
    id: string
    projectId: string
    held: boolean
    cronjob: Awaited<ReturnType<typeof lockCronjob>>
    request: StartRunRequest
  },
): Promise<void> {
  const { cronjob, request } = run
  const overrides = request.overrides ?? {}
  await trx
    .insertInto('runs')
    .values({
      id: run.id,
      project_id: run.projectId,
      cronjob_id: cronjob.id,
      revision: cronjob.revision,
      trigger: 'manual',
      who: request.who,
      state: 'queued',
      due_at: cronjob.now,
      available_at: cronjob.now,
      held: run.held,
      max_attempts: cronjob.spec.retry.attempts,
      overrides: Object.keys(overrides).length > 0 ? JSON.stringify(overrides) : null,
    })
    .execute()
}
