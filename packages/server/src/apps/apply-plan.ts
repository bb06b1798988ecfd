import type { RevisionState } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { endMessage } from './instance-writes.ts'
import { endFailedDeploys, noteFailedDeploy, type TroubledApp } from './note-troubles.ts'
import { type AppPlan, planApp, type PlannedApp, type PlannedInstance } from './plan-app.ts'
import { isLive } from './states.ts'
import { waitedFor, type Workers } from './workers.ts'

type AppRow = PlannedApp & TroubledApp

/** Reasons of ends that no program has brought about. */
const REFUSALS = [
  'image-not-found',
  'registry-refused',
  'registry-away',
  'start-failed',
  'port-in-use',
  'secret-missing',
]

/** Its columns as {@link PlannedApp} has them, of `apps a` and its newest revision `v`. */
const planned = sql`a.replicas, a.stopped, a.deleted_at is not null as deleted, a.revision, v.state,
  v.spec ->> 'readyTimeout' as "readyTimeout", a.ready_revision as "readyRevision", v.spec ->> 'port' as port,
  (select r.spec ->> 'port' from app_revisions r where r.app_id = a.id and r.revision = a.ready_revision) as "readyPort",
  (extract(epoch from panda_now() - greatest(v.created_at, (select max(i.released_at) from app_instances i
    where i.app_id = a.id and i.revision = a.revision))) * 1000)::float8 as "deployingForMs"`

/**
 * Looks at all apps that are not deleted, and at deleted ones that still have instances, without locks: two statements
 * however many there are, since most of the time nothing is to be done.
 *
 * @returns how many there are, and the ids of those that a plan would change
 */
export async function surveyApps(db: Queryable): Promise<{ readonly apps: number; readonly due: readonly string[] }> {
  const { rows: apps } = await sql<PlannedApp & { id: string }>`
    select a.id, ${planned} from apps a join app_revisions v on v.app_id = a.id and v.revision = a.revision
    where a.deleted_at is null or exists (select 1 from app_instances i where i.app_id = a.id and ${isLive})`.execute(
    db,
  )
  if (apps.length === 0) return { apps: 0, due: [] }
  // Read after the apps: what changes in between is told of, and looked at in the next pass.
  const instances = await readInstances(db, null)
  const due = apps.filter(({ id, ...app }) => changesAnything(planApp(app, instances.get(id) ?? [])))
  return { apps: apps.length, due: due.map(({ id }) => id) }
}

function changesAnything({ create, cancel, release, verdict }: AppPlan): boolean {
  return create.length > 0 || cancel.length > 0 || release.length > 0 || verdict !== null
}

/**
 * Plans one app and carries the plan out, in one transaction that holds the app's row.
 *
 * @returns whether anything was changed; false also when another server is at it
 */
export async function applyPlan(db: Database, appId: string): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const app = await lockApp(trx, appId)
    if (app === null) return false
    const plan = planApp(app, (await readInstances(trx, appId)).get(appId) ?? [])
    if (!changesAnything(plan)) return false
    await cancel(trx, plan.cancel)
    await create(trx, app, plan.create)
    await letGo(trx, plan.release)
    await conclude(trx, app, plan.verdict)
    await sql`select pg_notify('panda_apps', '')`.execute(trx)
    return true
  })
}

/** Null when another server holds it, which then does what is to be done. */
async function lockApp(trx: Queryable, id: string): Promise<AppRow | null> {
  const { rows } = await sql<AppRow & { state: RevisionState }>`
    select a.id, a.project_id, a.name, a.troubles, ${planned}
    from apps a join app_revisions v on v.app_id = a.id and v.revision = a.revision
    where a.id = ${id} for no key update of a skip locked`.execute(trx)
  return rows[0] ?? null
}

/** Those that have not ended, by app. @param appId null = of all apps */
async function readInstances(db: Queryable, appId: string | null): Promise<ReadonlyMap<string, PlannedInstance[]>> {
  const which = appId === null ? sql`true` : sql`i.app_id = ${appId}`
  const { rows } = await sql<Omit<PlannedInstance, 'starting'> & { app: string; workers: Workers }>`
    select i.app_id as app, i.id, i.revision, i.slot, case when i.ready_at is null then i.workers else '{}' end as workers,
      i.ready_at is not null as ready, i.crashes,
      i.cancel_reason is not null as ending, i.message,
      coalesce(i.reason = any (${[...REFUSALS]}::text[]), false) as refused, v.spec ->> 'port' as port,
      case when i.held then case when i.image_ready_at is null then 'for-image' else 'for-port' end end as held
    from app_instances i join app_revisions v on v.app_id = i.app_id and v.revision = i.revision
    where ${which} and ${isLive} order by i.id`.execute(db)
  const byApp = new Map<string, PlannedInstance[]>()
  for (const { app, workers, ...row } of rows) {
    byApp.set(app, [...(byApp.get(app) ?? []), { ...row, starting: waitedFor(workers) }])
  }
  return byApp
}

/** What runs is ended by its server; what waits for a start, and that no engine can have a unit of, ends here. */
async function cancel(trx: Queryable, items: AppPlan['cancel']): Promise<void> {
  for (const { id, reason, replacedBy } of items) {
    await sql`
      update app_instances i set cancel_reason = ${reason}, replaced_by = ${replacedBy}
      where i.id = ${id} and ${isLive} and i.cancel_reason is null`.execute(trx)
    await sql`
      update app_instances i set state = 'cancelled', reason = i.cancel_reason, message = ${endMessage(reason)},
        finished_at = panda_now()
      where i.id = ${id} and (i.state = 'retrying' or (i.state = 'queued' and (i.engine_id is null or i.held)))`.execute(
      trx,
    )
  }
}

async function create(trx: Queryable, app: AppRow, slots: AppPlan['create']): Promise<void> {
  for (const { revision, slot, after } of slots) {
    await sql`
      insert into app_instances (id, app_id, project_id, revision, slot, state, available_at, created_at, held, engine_id)
      values (${newId('ins')}, ${app.id}, ${app.project_id}, ${revision}, ${slot}, 'queued', panda_now(), panda_now(),
        ${after !== null}, (select i.engine_id from app_instances i where i.id = ${after}))`.execute(trx)
  }
}

async function letGo(trx: Queryable, ids: AppPlan['release']): Promise<void> {
  if (ids.length === 0) return
  await sql`
    update app_instances i set held = false, released_at = panda_now(),
      message = case when i.image_ready_at is null then i.message end
    where i.id = any (${[...ids]}::text[]) and i.held`.execute(trx)
}

async function conclude(trx: Queryable, app: AppRow, verdict: AppPlan['verdict']): Promise<void> {
  if (verdict === null) return
  if (verdict.state === 'failed') {
    await sql`
      update app_revisions set state = 'failed', message = ${verdict.message}
      where app_id = ${app.id} and revision = ${app.revision}`.execute(trx)
    await noteFailedDeploy(trx, app, verdict.message)
    return
  }
  await sql`
    update app_revisions set state = 'superseded' where app_id = ${app.id} and revision <> ${app.revision}
      and state in ('ready', 'deploying')`.execute(trx)
  await sql`
    update app_revisions set state = 'ready', ready_at = panda_now(), message = null
    where app_id = ${app.id} and revision = ${app.revision}`.execute(trx)
  await sql`update apps set ready_revision = ${app.revision} where id = ${app.id}`.execute(trx)
  await endFailedDeploys(trx, app)
}
