import { type Concurrency, PandaError, type RunOverrides } from '@pandastack/contract'
import { sql } from 'kysely'
import { assertMayStart } from '../cronjobs/start-run.ts'
import { cancelActiveRuns, countActiveRuns } from '../scheduler/active-runs.ts'
import { NONE_ACTIVE } from '../scheduler/plan-ticks.ts'
import type { Database, Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { runNotFound } from './queries.ts'
import { notifyRuns } from './transition/notify-runs.ts'

export interface ReplayRequest extends RunOverrides {
  /** Shown in the run's row: the token's name. */
  readonly who: string | null
  readonly as: 'it-was' | 'now'
}

interface Original {
  readonly cronjob_id: string
  readonly cronjob: string
  readonly concurrency: Concurrency
  readonly current: number
  readonly revision: number
  readonly overrides: RunOverrides | null
  readonly image_digest: string | null
  readonly env_snapshot: Record<string, string> | null
}

/**
 * Runs a run again: `it-was` with the image digest, command, limits and variables of then (secrets are those of now:
 * their values are kept nowhere else), `now` with the cronjob as it is. The cronjob's concurrency policy holds.
 *
 * @returns the new run's id
 * @throws PandaError `not_found`, `run_active` (policy forbid), `too_many_requests` (policy queue, 100 runs wait)
 */
export function replayRun(db: Database, projectId: string, id: string, request: ReplayRequest): Promise<string> {
  return db.transaction().execute(async (trx) => {
    const original = await lockOriginal(trx, projectId, id)
    const { cronjob_id: cronjobId, concurrency } = original
    const active = (await countActiveRuns(trx, [cronjobId])).get(cronjobId) ?? NONE_ACTIVE
    assertMayStart(original.cronjob, concurrency, active)
    if (concurrency === 'replace' && active.total > 0) await cancelActiveRuns(trx, [cronjobId], 'replaced')
    const held = active.total > 0 && (concurrency === 'replace' || concurrency === 'queue')
    const runId = newId('run')
    await insertReplay(trx, { runId, projectId, replayOf: id, held, original, request })
    await notifyRuns(trx, [runId])
    return runId
  })
}

async function lockOriginal(trx: Queryable, projectId: string, id: string): Promise<Original> {
  const { rows } = await sql<Original & { deleted: boolean }>`
    select r.cronjob_id, c.name as cronjob, c.concurrency, c.revision as current, c.deleted_at is not null as deleted,
      r.revision, r.overrides, r.image_digest, r.env_snapshot
    from runs r join cronjobs c on c.id = r.cronjob_id
    where r.project_id = ${projectId} and r.id = ${id} for update of c`.execute(trx)
  const row = rows[0]
  if (row === undefined) throw runNotFound(id)
  if (row.deleted) throw new PandaError('not_found', `The cronjob "${row.cronjob}" of this run was deleted.`)
  return row
}

interface Replay {
  readonly runId: string
  readonly projectId: string
  readonly replayOf: string
  readonly held: boolean
  readonly original: Original
  readonly request: ReplayRequest
}

async function insertReplay(
  trx: Queryable,
  { runId, projectId, replayOf, held, original, request }: Replay,
): Promise<void> {
  const asItWas = request.as === 'it-was'
  const revision = asItWas ? original.revision : original.current
  const overrides = mergeOverrides(asItWas ? (original.overrides ?? {}) : {}, request)
  const { spec } = await trx
    .selectFrom('cronjob_revisions')
    .select('spec')
    .where('cronjob_id', '=', original.cronjob_id)
    .where('revision', '=', revision)
    .executeTakeFirstOrThrow()
  await sql`
    insert into runs (id, project_id, cronjob_id, revision, trigger, who, state, due_at, available_at, held, max_attempts,
      overrides, replay_of, image_digest, env_snapshot)
    values (${runId}, ${projectId}, ${original.cronjob_id}, ${revision}, 'replay', ${request.who}, 'queued', panda_now(),
      panda_now(), ${held}, ${spec.retry.attempts},
      ${Object.keys(overrides).length > 0 ? JSON.stringify(overrides) : null}::jsonb, ${replayOf},
      ${asItWas ? original.image_digest : null},
      ${asItWas && original.env_snapshot !== null ? JSON.stringify(original.env_snapshot) : null}::jsonb)`.execute(trx)
}

/** What is asked for now wins, variable by variable. */
function mergeOverrides(before: RunOverrides, { entrypoint, command, env }: RunOverrides): RunOverrides {
  return {
    ...before,
    ...(entrypoint !== undefined && { entrypoint }),
    ...(command !== undefined && { command }),
    ...(env !== undefined && { env: { ...before.env, ...env } }),
  }
}
