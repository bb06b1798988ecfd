import { isDeepStrictEqual } from 'node:util'
import { type Cronjob, type CronjobSpec, PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import { cancelActiveRuns } from '../scheduler/active-runs.ts'
import { settleDueTicks } from '../scheduler/settle-due.ts'
import { type Database, databaseNow, type Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { firstTickAfter } from './check-schedule.ts'
import { lockCronjob } from './lock-cronjob.ts'
import { getCronjob } from './read-cronjobs.ts'
import { patchSpec, specColumns, type SpecPatch } from './spec-columns.ts'

export { getCronjob, listCronjobs } from './read-cronjobs.ts'

/**
 * Makes a cronjob; its first tick is the first one after now.
 *
 * @throws PandaError `invalid_schedule`, `invalid_timezone`, `conflict`
 */
export async function createCronjob(
  db: Database,
  projectId: string,
  input: CronjobSpec & { readonly name: string },
): Promise<Cronjob> {
  const { name, ...spec } = input
  return db.transaction().execute(async (trx) => {
    const now = await databaseNow(trx)
    const id = newId('cj')
    const { numInsertedOrUpdatedRows } = await trx
      .insertInto('cronjobs')
      .values({
        id,
        project_id: projectId,
        name,
        ...specColumns(spec),
        next_due_at: firstTickAfter(spec, now.getTime()),
        created_at: now,
        updated_at: now,
      })
      .onConflict((on) => on.doNothing())
      .executeTakeFirstOrThrow()
    if (numInsertedOrUpdatedRows !== 1n) {
      throw new PandaError('conflict', `The project already has a cronjob "${name}".`, {
        hint: `Choose another name, or change it with: panda cronjob update ${name}`,
      })
    }
    await insertRevision(trx, id, 1, spec, now)
    await wakeSchedulers(trx)
    return getCronjob(trx, projectId, name)
  })
}

/**
 * Changes the named fields. What was due before is recorded under the old policy. A new schedule or zone begins now:
 * times that it names in the past are not made up for. Nothing to change is no change: no revision is written.
 *
 * @param expected the revision that the caller has read; another one is refused
 * @throws PandaError `not_found`, `version_conflict`, `invalid_schedule`, `invalid_timezone`
 */
export async function updateCronjob(
  db: Database,
  projectId: string,
  name: string,
  patch: SpecPatch,
  expected: { readonly revision?: number | undefined } = {},
): Promise<Cronjob> {
  return db.transaction().execute(async (trx) => {
    const before = await lockCronjob(trx, projectId, name)
    if (expected.revision !== undefined && expected.revision !== before.revision) {
      throw new PandaError('version_conflict', `"${name}" is at revision ${before.revision}, not ${expected.revision}.`)
    }
    const spec = patchSpec(before.spec, patch)
    if (!isDeepStrictEqual(spec, before.spec)) {
      await settleDueTicks(trx, before.id)
      await writeRevision(trx, { ...before, spec }, before.spec)
    }
    return getCronjob(trx, projectId, name)
  })
}

/** Pausing writes no revision: what a run does has not changed. */
async function writeRevision(
  trx: Queryable,
  after: { id: string; revision: number; spec: CronjobSpec; now: Date },
  before: CronjobSpec,
): Promise<void> {
  const { id, spec, now } = after
  const onlyPaused = isDeepStrictEqual({ ...before, suspended: spec.suspended }, spec)
  const revision = onlyPaused ? after.revision : after.revision + 1
  const moved = spec.schedule !== before.schedule || spec.timezone !== before.timezone
  await trx
    .updateTable('cronjobs')
    .set({ ...specColumns(spec), revision, updated_at: now })
    .$if(moved, (query) => query.set({ next_due_at: firstTickAfter(spec, now.getTime()) }))
    .where('id', '=', id)
    .execute()
  if (!onlyPaused) await insertRevision(trx, id, revision, spec, now)
  if (moved) await wakeSchedulers(trx)
}

/**
 * Pauses or resumes. A paused cronjob goes on ticking, each tick is `skipped` with the reason `paused`; so resuming
 * starts with the next tick and never with one of the past. Runs that are active go on.
 *
 * @throws PandaError `not_found`
 */
export function setSuspended(db: Database, projectId: string, name: string, suspended: boolean): Promise<Cronjob> {
  return updateCronjob(db, projectId, name, { suspended })
}

/**
 * Deletes a cronjob with the secrets and alerts that belong to it alone, and cancels its active runs. Its history stays until
 * retention takes it; the name is free at once.
 *
 * @throws PandaError `not_found`
 */
export async function deleteCronjob(db: Database, projectId: string, name: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { id, now } = await lockCronjob(trx, projectId, name)
    await settleDueTicks(trx, id)
    await trx
      .updateTable('cronjobs')
      .set({ deleted_at: now, updated_at: now, next_due_at: null })
      .where('id', '=', id)
      .execute()
    await trx.deleteFrom('secrets').where('project_id', '=', projectId).where('cronjob_id', '=', id).execute()
    // One that stayed would be bound to a row that no new cronjob of this name ever gets.
    await trx.deleteFrom('alerts').where('project_id', '=', projectId).where('cronjob_id', '=', id).execute()
    await cancelActiveRuns(trx, [id], 'deleted')
  })
}

async function insertRevision(
  trx: Queryable,
  cronjobId: string,
  revision: number,
  spec: CronjobSpec,
  now: Date,
): Promise<void> {
  await trx
    .insertInto('cronjob_revisions')
    .values({ cronjob_id: cronjobId, revision, spec: JSON.stringify(spec), created_at: now })
    .execute()
}

async function wakeSchedulers(trx: Queryable): Promise<void> {
  await sql`select pg_notify('panda_schedule', '')`.execute(trx)
}
