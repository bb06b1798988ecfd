import { asDatabase } from '../store/nested-transaction.ts'
import { PandaError } from '@pandastack/contract'
import { type RawBuilder, sql } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { reach } from '../fault-points.ts'
import { assertOneInstance, claimPort } from './claim-port.ts'
import { lockApp, type LockedApp, wakeControllers } from './lock-app.ts'
import { insertRevision, readRevision, readyBefore, type StoredRevision } from './revisions.ts'

/** Each answers when the change is recorded; the instances follow. All throw PandaError `not_found`. */

/** @throws PandaError `port_one_instance` */
export function scaleApp(db: Database, projectId: string, name: string, replicas: number): Promise<void> {
  return change(db, projectId, name, sql`replicas = ${replicas}`, async (trx, app) => {
    const newest = await readRevision(trx, app.id, app.revision)
    assertOneInstance(name, newest?.spec.port ?? null, replicas)
  })
}

/** Its instances end within their drain time; it keeps its number of replicas. */
export function stopApp(db: Database, projectId: string, name: string): Promise<void> {
  return change(db, projectId, name, sql`stopped = true`)
}

export function startApp(db: Database, projectId: string, name: string): Promise<void> {
  return change(db, projectId, name, sql`stopped = false`)
}

/**
 * Its instances end within their drain time. The alerts of it alone go with it: one that stayed would be bound to a row that
 * no new app of this name ever gets. History and logs stay for 30 days; the name is free at once.
 */
export async function deleteApp(db: Database, projectId: string, name: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { id } = await lockApp(trx, projectId, name)
    await trx.deleteFrom('alerts').where('project_id', '=', projectId).where('app_id', '=', id).execute()
    await change(asDatabase(trx), projectId, name, sql`deleted_at = panda_now()`)
  })
}

async function change(
  db: Database,
  projectId: string,
  name: string,
  set: RawBuilder<unknown>,
  check?: (trx: Queryable, app: LockedApp) => Promise<void>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const app = await lockApp(trx, projectId, name)
    await check?.(trx, app)
    await sql`update apps set ${set}, updated_at = panda_now() where id = ${app.id}`.execute(trx)
    await wakeControllers(trx)
  })
  reach('app-changed')
}

/** A new revision of the same spec: new instances in the place of the old ones, with the project's variables of now. */
export function restartApp(db: Database, projectId: string, name: string, by: string | null): Promise<void> {
  return revise(db, projectId, name, async (trx, app) => {
    const serving = await readRevision(trx, app.id, app.readyRevision ?? app.revision)
    if (serving === null) throw new Error(`app ${app.id} has no revision ${app.revision}`)
    return { appId: app.id, revision: app.revision + 1, spec: serving.spec, by }
  })
}

/**
 * A new revision that repeats an earlier one exactly: image digest, variables, command.
 *
 * @param revision default: the newest before the one that serves that was ready once
 * @throws PandaError `conflict` when there is none, or it has never started
 */
export function rollbackApp(
  db: Database,
  projectId: string,
  name: string,
  { revision, by }: { readonly revision: number | undefined; readonly by: string | null },
): Promise<void> {
  return revise(db, projectId, name, async (trx, app) => {
    const serving = app.readyRevision ?? app.revision
    const wanted =
      revision === undefined ? await readyBefore(trx, app.id, serving) : await readRevision(trx, app.id, revision)
    const rollbackOf = assertUsable(wanted, name, revision)
    return { appId: app.id, revision: app.revision + 1, spec: rollbackOf.spec, by, rollbackOf }
  })
}

function assertUsable(wanted: StoredRevision | null, name: string, revision: number | undefined): StoredRevision {
  if (wanted !== null && wanted.envSnapshot !== null) return wanted
  const which = revision === undefined ? 'an earlier revision that was ready' : `a revision ${revision} that has run`
  throw new PandaError('conflict', `The app "${name}" has not ${which}.`, {
    hint: `See: panda app revisions ${name}`,
  })
}

type Revise = (trx: Queryable, app: LockedApp) => Promise<Parameters<typeof insertRevision>[1]>

async function revise(db: Database, projectId: string, name: string, next: Revise): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const app = await lockApp(trx, projectId, name)
    const revision = await next(trx, app)
    const { port } = revision.spec
    await claimPort(trx, { appId: app.id, name, projectId, replicas: app.replicas, port })
    await insertRevision(trx, revision)
    await wakeControllers(trx)
  })
  reach('app-changed')
}
