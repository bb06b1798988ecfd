import type { PublishedPort, Reason, RunOverrides } from '@pandastack/contract'
import { sql } from 'kysely'
import type { BornRun, ClaimedRun } from '../runs/claimed-run.ts'
import { lateAfter, readLateListeners } from '../runs/late.ts'
import { stillRunning } from '../runs/transition/fenced.ts'
import type { Database } from '../store/database.ts'
import { sqlArray } from '../store/sql-array.ts'
import type { WorkSpec } from './prepared-run.ts'

/** What an attempt needs, as it stands in the database. */
export interface RunRow {
  readonly id: string
  readonly project: string
  readonly cronjob: string
  readonly spec: WorkSpec
  readonly overrides: RunOverrides | null
  readonly max_attempts: number
  readonly lost_attempts: number
  readonly image_digest: string | null
  readonly env_snapshot: Record<string, string> | null
  readonly running_for_ms: number | null
  readonly stopping: boolean
  readonly past_deadline: boolean
  readonly cancel_reason: Reason | null
  readonly cancel_by: string | null
  readonly late_after_ms: number | null
  /** Only instances of apps have one. */
  readonly port?: PublishedPort | null
  readonly held?: boolean
}

/**
 * By run id. Runs that are not ours any more are left out. Those that were born with their claim need no look: it was
 * committed a moment ago, each write of their attempt asks for the fence, and a cancellation of now is heard as those of
 * later are.
 */
export async function readRunRows(db: Database, runs: readonly ClaimedRun[]): Promise<ReadonlyMap<string, RunRow>> {
  const old = runs.filter((run) => run.born === undefined)
  const rows = await Promise.all([old.length === 0 ? [] : readOld(db, old), readBorn(db, runs)])
  return new Map(rows.flat().map((row) => [row.id, row]))
}

async function readOld(db: Database, runs: readonly ClaimedRun[]): Promise<RunRow[]> {
  const { rows } = await sql<RunRow>`
    select r.id, p.name as project, c.name as cronjob, v.spec, r.overrides, r.max_attempts, r.lost_attempts,
      r.image_digest, r.env_snapshot, r.phase is not distinct from 'stopping' as stopping, r.cancel_reason, r.cancel_by,
      (extract(epoch from panda_now() - r.attempt_started_at) * 1000)::float8 as running_for_ms,
      coalesce(r.attempt = 1 and r.due_at + c.deadline_ms * interval '1 millisecond' < panda_now(), false)
        as past_deadline,
      ${lateAfter} as late_after_ms
    from unnest(${sqlArray(runs.map((run) => run.id))}::text[], ${sqlArray(runs.map((run) => run.fence))}::int[])
      as i (id, fence)
    join runs r on r.id = i.id and r.fence = i.fence and ${stillRunning}
    join cronjobs c on c.id = r.cronjob_id
    join projects p on p.id = r.project_id
    join cronjob_revisions v on v.cronjob_id = r.cronjob_id and v.revision = r.revision`.execute(db)
  return rows
}

async function readBorn(db: Database, runs: readonly ClaimedRun[]): Promise<RunRow[]> {
  const projectIds = [...new Set(runs.filter((run) => run.born !== undefined).map((run) => run.projectId))]
  if (projectIds.length === 0) return []
  const [projects, lateAfterOf] = await Promise.all([
    db.selectFrom('projects').select(['id', 'name']).where('id', 'in', projectIds).execute(),
    readLateListeners(db, projectIds),
  ])
  const names = new Map(projects.map(({ id, name }) => [id, name]))
  const rows: RunRow[] = []
  for (const run of runs) {
    const project = names.get(run.projectId)
    if (run.born === undefined || project === undefined) continue
    rows.push(bornRow(run, run.born, project, lateAfterOf(run)))
  }
  return rows
}

/** Nobody has touched it since. */
function bornRow({ id }: ClaimedRun, born: BornRun, project: string, lateAfterMs: number | null): RunRow {
  return {
    id,
    project,
    cronjob: born.cronjob,
    spec: born.spec,
    overrides: null,
    max_attempts: born.maxAttempts,
    lost_attempts: 0,
    image_digest: null,
    env_snapshot: null,
    running_for_ms: null,
    stopping: false,
    past_deadline: false,
    cancel_reason: null,
    cancel_by: null,
    late_after_ms: lateAfterMs,
  }
}
