import type { ApplyResult, Change, Manifest } from '@pandastack/contract'
import { sql } from 'kysely'
import { assertSchedule } from '../cronjobs/check-schedule.ts'
import { pollingScheduleWarning } from '../cronjobs/polling.ts'
import { secretLikeEnvWarning } from '../cronjobs/secret-like-env.ts'
import { type Database, databaseNow } from '../store/database.ts'
import { type ApplyTarget, makeChange } from './make-change.ts'
import { missingReferences, referenceMissing } from './missing-references.ts'
import { planChanges } from './plan-changes.ts'
import { type ProjectState, readProjectState } from './project-state.ts'

export interface ApplyRequest {
  readonly manifest: Manifest
  readonly dryRun: boolean
  readonly prune: boolean
}

/**
 * Makes the project look as the manifest says, all or nothing: the caller runs it in one transaction. Two at once for one
 * project follow one another. Apps are recorded; their instances follow.
 *
 * @throws PandaError `invalid_schedule`, `invalid_timezone` with the cronjob's name, `reference_missing`, and what the
 * single changes throw.
 */
export async function applyManifest(target: ApplyTarget, request: ApplyRequest): Promise<ApplyResult> {
  const { db, project } = target
  const { manifest, dryRun, prune } = request
  for (const [name, spec] of Object.entries(manifest.cronjobs)) assertSchedule(spec, `cronjobs.${name}`)
  if (!dryRun) {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`apply ${project.id}`}, 0))`.execute(db)
  }
  const state = await readProjectState(db, target.box, project.id)
  const missing = missingReferences(manifest, state, { project: project.name, prune })
  if (missing.length > 0 && !dryRun) throw referenceMissing(missing)
  const changes = planChanges(manifest, state, { prune })
  const signingSecrets: Record<string, string> = {}
  if (!dryRun) {
    await lockRows(db, project.id, changes)
    for (const change of inOrder(changes)) {
      const made = await makeChange(target, manifest, change)
      if (made !== null) signingSecrets[change.name] = made
    }
  }
  const warnings = [...(await warningsOf(db, manifest)), ...staleApps(state, changes)]
  return { project: project.name, dryRun, changes, missing, warnings, signingSecrets }
}

async function warningsOf(db: Database, manifest: Manifest): Promise<string[]> {
  const nowMs = (await databaseNow(db)).getTime()
  const cronjobs = Object.entries(manifest.cronjobs).flatMap(([name, spec]) => {
    const found = [pollingScheduleWarning(spec, nowMs), secretLikeEnvWarning(name, spec.env)]
    return found.filter((each) => each !== null).map(({ message, hint }) => `cronjob ${name}: ${message} ${hint}`)
  })
  const apps = Object.entries(manifest.apps).flatMap(([name, { env }]) => {
    const found = secretLikeEnvWarning(null, env)
    return found === null ? [] : [`app ${name}: ${found.message} ${found.hint}`]
  })
  return [...cronjobs, ...apps]
}

/** All instances of a revision have the same variables, so other ones are for the next revision: nobody should wonder. */
function staleApps({ apps }: ProjectState, changes: readonly Change[]): string[] {
  const env = changes.filter(({ kind, action }) => kind === 'env' && action !== 'unchanged').map(({ name }) => name)
  const left = new Set([...apps].filter(([, { stopped }]) => !stopped).map(([name]) => name))
  for (const { kind, name, action, fields } of changes) {
    const deployed = action === 'delete' || fields.some(({ path }) => path !== 'replicas')
    if (kind === 'app' && deployed) left.delete(name)
  }
  if (env.length === 0 || left.size === 0) return []
  const restart = [...left].sort().map((name) => `panda app restart ${name}`)
  return [`apps get the changed variables (${env.join(', ')}) with their next deploy or restart: ${restart.join('; ')}`]
}

/** All at once and by their ids, as everybody who locks several: one after the other by name would lead to deadlocks. */
async function lockRows(db: Database, projectId: string, changes: readonly Change[]): Promise<void> {
  for (const kind of ['cronjob', 'app'] as const) {
    const names = changes.filter((each) => each.kind === kind && each.action !== 'unchanged').map(({ name }) => name)
    await sql`
      select 1 from ${sql.table(`${kind}s`)}
      where project_id = ${projectId} and name = any (${names}::text[]) and deleted_at is null
      order by id for update`.execute(db)
  }
}

/** An alert may name a cronjob or an app of the same file, so these come first and go last. */
function inOrder(changes: readonly Change[]): Change[] {
  const made = changes.filter(({ action }) => action === 'create' || action === 'update')
  const gone = changes.filter(({ action }) => action === 'delete')
  return [...made, ...gone.toReversed()]
}
