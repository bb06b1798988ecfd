import { PandaError } from '@pandastack/contract'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { UnitKind } from '../runtime/driver.ts'
import type { LoadSettings, ProjectSettings } from './ports.ts'
import type { PreparedRun } from './prepared-run.ts'
import type { RunRow } from './read-run-rows.ts'

/** `stale`: not ours any more. `unusable`: a setting it needs cannot be had; says which. */
export type Preparation =
  | { readonly kind: 'ready'; readonly run: PreparedRun }
  | { readonly kind: 'stale' }
  | { readonly kind: 'unusable'; readonly run: PreparedRun; readonly message: string }

/**
 * Reads what the attempts of a whole batch need, in a few queries however many they are; two more per project.
 *
 * @param rows what stands on record of those that are still ours, by id
 */
export async function prepareWork(
  kind: UnitKind,
  rows: ReadonlyMap<string, RunRow>,
  loadSettings: LoadSettings,
  runs: readonly ClaimedRun[],
): Promise<Preparation[]> {
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
      return { kind: 'unusable', run: prepared(kind, run, row, NO_SETTINGS), message }
    }
    return { kind: 'ready', run: prepared(kind, run, row, loaded) }
  })
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

const NO_OVERRIDES = {}
const NO_SETTINGS: ProjectSettings = { env: {}, secrets: {}, cronjobSecrets: new Map(), registries: new Map() }

function prepared(kind: UnitKind, run: ClaimedRun, row: RunRow, settings: ProjectSettings): PreparedRun {
  // Field by field: a spread of the run costs more than all else here.
  return {
    kind,
    id: run.id,
    projectId: run.projectId,
    cronjobId: run.cronjobId,
    revision: run.revision,
    attempt: run.attempt,
    fence: run.fence,
    trigger: run.trigger,
    dueAt: run.dueAt,
    project: row.project,
    cronjob: row.cronjob,
    spec: row.spec,
    settings,
    overrides: row.overrides ?? NO_OVERRIDES,
    maxAttempts: row.max_attempts,
    lostAttempts: row.lost_attempts,
    imageDigest: row.image_digest,
    envSnapshot: row.env_snapshot,
    runningForMs: row.running_for_ms,
    stopping: row.stopping,
    pastDeadline: row.past_deadline,
    cancel: row.cancel_reason === null ? null : { reason: row.cancel_reason, by: row.cancel_by },
    lateAfterMs: row.late_after_ms,
    port: row.port ?? null,
    held: row.held ?? false,
  }
}
