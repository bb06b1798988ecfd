import type { ApplyResult, Change, Manifest } from '@pandastack/contract'
import { sql } from 'kysely'
import { createAlert, deleteAlert, updateAlert } from '../alerts/alerts.ts'
import type { Sealer } from '../alerts/stored-channel.ts'
import { assertSchedule } from '../cronjobs/check-schedule.ts'
import { createCronjob, deleteCronjob, updateCronjob } from '../cronjobs/cronjobs.ts'
import { pollingScheduleWarning } from '../cronjobs/polling.ts'
import { secretLikeEnvWarning } from '../cronjobs/secret-like-env.ts'
import { setEnv, unsetEnv } from '../settings/env.ts'
import { type Database, databaseNow } from '../store/database.ts'
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
  const signingSecrets: Record<string, string> = {}
  if (!request.dryRun) {
    await lockCronjobs(db, project.id, changes)
    for (const change of inOrder(changes)) {
      const made = await make(db, box, project.id, manifest, change)
      if (made !== null) signingSecrets[change.name] = made
    }
  }
  return {
    project: project.name,
    dryRun: request.dryRun,
    changes,
    missingSecrets: manifest.secrets.filter((name) => !state.secrets.has(name)),
    warnings: await warningsOf(db, manifest),
    signingSecrets,
  }
}

async function warningsOf(db: Database, manifest: Manifest): Promise<string[]> {
  const nowMs = (await databaseNow(db)).getTime()
  return Object.entries(manifest.cronjobs).flatMap(([name, spec]) => {
    const found = [pollingScheduleWarning(spec, nowMs), secretLikeEnvWarning(name, spec.env)]
    return found.filter((each) => each !== null).map(({ message, hint }) => `cronjob ${name}: ${message} ${hint}`)
  })
}

/** All at once and by their ids, as everybody who locks several: one after the other by name would lead to deadlocks. */
async function lockCronjobs(db: Database, projectId: string, changes: readonly Change[]): Promise<void> {
  const names = changes
    .filter(({ kind, action }) => kind === 'cronjob' && action !== 'unchanged')
    .map(({ name }) => name)
  await sql`
    select 1 from cronjobs where project_id = ${projectId} and name = any (${names}::text[]) and deleted_at is null
    order by id for update`.execute(db)
}

/** An alert may name a cronjob of the same file, so cronjobs come first and go last. */
function inOrder(changes: readonly Change[]): Change[] {
  const made = changes.filter(({ action }) => action === 'create' || action === 'update')
  const gone = changes.filter(({ action }) => action === 'delete')
  return [...made, ...gone.toReversed()]
}

/** @returns the signing secret of a webhook that was made. */
async function make(
  db: Database,
  box: Sealer,
  projectId: string,
  manifest: Manifest,
  change: Change,
): Promise<string | null> {
  const { kind, name, action } = change
  if (kind === 'env') {
    const value = named(manifest.env, name)
    await (value === undefined ? unsetEnv(db, projectId, name) : setEnv(db, projectId, name, value))
  } else if (kind === 'cronjob') {
    const spec = named(manifest.cronjobs, name)
    if (!spec) await deleteCronjob(db, projectId, name)
    else if (action === 'create') await createCronjob(db, projectId, { name, ...spec })
    else await updateCronjob(db, projectId, name, spec)
  } else {
    const spec = named(manifest.alerts, name)
    if (!spec) await deleteAlert(db, projectId, name)
    else if (action === 'create') return (await createAlert(db, box, projectId, { name, ...spec })).signingSecret
    else return updateAlert(db, box, projectId, name, spec)
  }
  return null
}

/** A name may be one that every object answers to, such as `constructor`. */
function named<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}
