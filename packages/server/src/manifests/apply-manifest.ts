import type { ApplyResult, Change, Manifest } from '@pandastack/contract'
import { createAlert, deleteAlert, updateAlert } from '../alerts/alerts.ts'
import type { Sealer } from '../alerts/stored-channel.ts'
import { assertSchedule } from '../cronjobs/check-schedule.ts'
import { createCronjob, deleteCronjob, updateCronjob } from '../cronjobs/cronjobs.ts'
import { setEnv, unsetEnv } from '../settings/env.ts'
import type { Database } from '../store/database.ts'
import { planChanges } from './plan-changes.ts'
import { readProjectState } from './project-state.ts'

export interface ApplyRequest {
  readonly manifest: Manifest
  readonly dryRun: boolean
  readonly prune: boolean
}

/**
 * Makes the project look as the manifest says, all or nothing: the caller runs it in one transaction.
 *
 * @throws PandaError `invalid_schedule`, `invalid_timezone` with the cronjob's name, and what the single changes throw.
 */
export async function applyManifest(
  db: Database,
  box: Sealer,
  project: { id: string; name: string },
  request: ApplyRequest,
): Promise<ApplyResult> {
  const { manifest } = request
  for (const [name, spec] of Object.entries(manifest.cronjobs)) assertSchedule(spec, `cronjobs.${name}`)
  const state = await readProjectState(db, box, project.id)
  const changes = planChanges(manifest, state, { prune: request.prune })
  if (!request.dryRun) {
    for (const change of inOrder(changes)) await make(db, box, project.id, manifest, change)
  }
  return {
    project: project.name,
    dryRun: request.dryRun,
    changes,
    missingSecrets: manifest.secrets.filter((name) => !state.secrets.has(name)),
    warnings: [],
  }
}

/** An alert may name a cronjob of the same file, so cronjobs come first and go last. */
function inOrder(changes: readonly Change[]): Change[] {
  const made = changes.filter(({ action }) => action === 'create' || action === 'update')
  const gone = changes.filter(({ action }) => action === 'delete')
  return [...made, ...gone.toReversed()]
}

async function make(db: Database, box: Sealer, projectId: string, manifest: Manifest, change: Change): Promise<void> {
  const { kind, name, action } = change
  if (kind === 'env') {
    const value = manifest.env[name]
    await (value === undefined ? unsetEnv(db, projectId, name) : setEnv(db, projectId, name, value))
  } else if (kind === 'cronjob') {
    const spec = manifest.cronjobs[name]
    if (!spec) await deleteCronjob(db, projectId, name)
    else if (action === 'create') await createCronjob(db, projectId, { name, ...spec })
    else await updateCronjob(db, projectId, name, spec)
  } else {
    const spec = manifest.alerts[name]
    if (!spec) await deleteAlert(db, projectId, name)
    else if (action === 'create') await createAlert(db, box, projectId, { name, ...spec })
    else await updateAlert(db, box, projectId, name, spec)
  }
}
