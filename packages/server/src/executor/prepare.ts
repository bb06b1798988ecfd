import { type CronjobSpec, PandaError, type Reason, type RunOverrides } from '@pandastack/contract'
import { sql } from 'kysely'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import { lateAfter } from '../runs/late.ts'
import type { Database } from '../store/database.ts'
import type { LoadSettings, ProjectSettings } from './ports.ts'
import type { PreparedRun } from './prepared-run.ts'
import { stillRunning } from '../runs/transition/fenced.ts'

/** `stale`: not ours any more. `unusable`: a setting it needs cannot be had; says which. */
export type Preparation =
  | { readonly kind: 'ready'; readonly run: PreparedRun }
  | { readonly kind: 'stale' }
  | { readonly kind: 'unusable'; readonly run: PreparedRun; readonly message: string }

interface Row {
  readonly id: string
  readonly project: string
  readonly cronjob: string
  readonly spec: CronjobSpec
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
}

/** Reads what the attempts of a whole batch need: one query for the runs, two per project for its settings. */
export async function prepareRuns(
  db: Database,
  loadSettings: LoadSettings,
  runs: readonly ClaimedRun[],
): Promise<Preparation[]> {
  const rows = new Map((await readRows(db, runs)).map((row) => [row.id, row]))
  const settings = await loadAll(
    loadSettings,
    runs.filter((run) => rows.has(run.id)),
  )
  return runs.map((run): Preparation => {
    const row = rows.get(run.id)
    const loaded = settings.get(run.projectId)
    if (row === undefined || loaded === undefined) return { kind: 'stale' }
    if (loaded instanceof PandaError) {
      const message = `${loaded.message} ${loaded.hint}`
      return { kind: 'unusable', run: prepared(run, row, NO_SETTINGS), message }
    }
    return { kind: 'ready', run: prepared(run, row, loaded) }
  })
}

async function readRows(db: Database, runs: readonly ClaimedRun[]): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select r.id, p.name as project, c.name as cronjob, v.spec, r.overrides, r.max_attempts, r.lost_attempts,
      r.image_digest, r.env_snapshot, r.phase is not distinct from 'stopping' as stopping, r.cancel_reason, r.cancel_by,
      (extract(epoch from panda_now() - r.attempt_started_at) * 1000)::float8 as running_for_ms,
      coalesce(r.attempt = 1 and r.due_at + c.deadline_ms * interval '1 millisecond' < panda_now(), false)
        as past_deadline,
      ${lateAfter} as late_after_ms
    from unnest(${runs.map((run) => run.id)}::text[], ${runs.map((run) => run.fence)}::int[]) as i (id, fence)
    join runs r on r.id = i.id and r.fence = i.fence and ${stillRunning}
    join cronjobs c on c.id = r.cronjob_id
    join projects p on p.id = r.project_id
    join cronjob_revisions v on v.cronjob_id = r.cronjob_id and v.revision = r.revision`.execute(db)
  return rows
}

/** A PandaError stands for the settings that it kept from being read; the database being away rejects. */
async function loadAll(
  loadSettings: LoadSettings,
  runs: readonly ClaimedRun[],
): Promise<ReadonlyMap<string, ProjectSettings | PandaError>> {
  const cronjobs = new Map<string, Set<string>>()
  for (const { projectId, cronjobId } of runs) {
    const ids = cronjobs.get(projectId)
    if (ids === undefined) cronjobs.set(projectId, new Set([cronjobId]))
    else ids.add(cronjobId)
  }
  const loaded = new Map<string, ProjectSettings | PandaError>()
  for (const [projectId, ids] of cronjobs) {
    try {
      loaded.set(projectId, await loadSettings(projectId, [...ids]))
    } catch (error) {
      if (!(error instanceof PandaError) || error.code === 'database_away') throw error
      loaded.set(projectId, error)
    }
  }
  return loaded
}

const NO_SETTINGS: ProjectSettings = { env: {}, secrets: {}, cronjobSecrets: new Map(), registries: new Map() }

function prepared(run: ClaimedRun, row: Row, settings: ProjectSettings): PreparedRun {
  return {
    ...run,
    project: row.project,
    cronjob: row.cronjob,
    spec: row.spec,
    settings,
    overrides: row.overrides ?? {},
    maxAttempts: row.max_attempts,
    lostAttempts: row.lost_attempts,
    imageDigest: row.image_digest,
    envSnapshot: row.env_snapshot,
    runningForMs: row.running_for_ms,
    stopping: row.stopping,
    pastDeadline: row.past_deadline,
    cancel: row.cancel_reason === null ? null : { reason: row.cancel_reason, by: row.cancel_by },
    lateAfterMs: row.late_after_ms,
  }
}
