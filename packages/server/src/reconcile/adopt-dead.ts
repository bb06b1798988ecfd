import { sql } from 'kysely'
import type { CronjobSpec } from '@pandastack/contract'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import { nextState } from '../runs/next-state.ts'
import { adoptRuns } from '../runs/transition/adopt-runs.ts'
import { finishAttempts } from '../runs/transition/finish-attempts.ts'
import { claimPinned } from '../runs/transition/claim-pinned.ts'
import type { Database } from '../store/database.ts'

/** Runs adopted by one statement. */
const ADOPT_BATCH = 500

/** Takes over the runs of dead servers that had our engine. */
export async function adoptFromDead(
  db: Database,
  self: { readonly serverId: string; readonly engineId: string },
  dead: readonly string[],
  take: (runs: readonly ClaimedRun[]) => void,
): Promise<number> {
  let adopted = 0
  for (;;) {
    const runs = await adoptRuns(db, { ...self, from: dead, limit: ADOPT_BATCH })
    take(runs)
    adopted += runs.length
    if (runs.length < ADOPT_BATCH) return adopted
  }
}

/**
 * Engines that hold runs of these servers, or queued runs that only they may start, and that no living server has.
 *
 * @param owners the dead, and ourselves: a run that we took over to give it up, and did not get to
 */
export async function unreachableEngines(
  db: Database,
  owners: readonly string[],
  reachable: ReadonlySet<string>,
): Promise<string[]> {
  const { rows } = await sql<{ engine_id: string }>`
    select distinct engine_id from runs
    where state = 'running' and server_id = any (${[...owners]}::text[]) and engine_id is not null
    union
    select distinct engine_id from runs where state = 'queued' and engine_id is not null`.execute(db)
  return rows.map((row) => row.engine_id).filter((id) => !reachable.has(id))
}

/** What ran on an engine that nobody can ask any more is lost. One batch; called until there is nothing left. */
export async function giveUpEngine(
  db: Database,
  serverId: string,
  engineId: string,
  dead: readonly string[],
): Promise<number> {
  await claimPinned(db, { serverId, engineId })
  // Ours as well: those just claimed, and what we took over before and did not get to end.
  const runs = await adoptRuns(db, { serverId, engineId, from: [...dead, serverId], limit: ADOPT_BATCH })
  if (runs.length === 0) return 0
  const { rows } = await sql<{ id: string; max_attempts: number; lost_attempts: number; spec: CronjobSpec }>`
    select r.id, r.max_attempts, r.lost_attempts, v.spec from runs r
    join cronjob_revisions v on v.cronjob_id = r.cronjob_id and v.revision = r.revision
    where r.id = any (${runs.map((run) => run.id)}::text[])`.execute(db)
  const byId = new Map(rows.map((row) => [row.id, row]))
  const message = 'the engine that ran it is not reachable by any living server'
  await finishAttempts(
    db,
    runs.flatMap((run) => {
      const row = byId.get(run.id)
      if (row === undefined) return []
      const counts = { attempt: run.attempt, maxAttempts: row.max_attempts, lostAttempts: row.lost_attempts }
      const verdict = { outcome: 'lost', reason: 'lost', message, exitCode: null } as const
      return [{ ...run, verdict, next: nextState(counts, 'lost', row.spec.retry, Math.random()), finishedAt: null }]
    }),
  )
  return runs.length
}
