import type { AppTrouble } from '@pandastack/contract'
import { sql } from 'kysely'
import { noteAppEvent } from '../alerts/note-app-event.ts'
import type { AppAlertItem } from '../alerts/payload.ts'
import type { Database, Queryable } from '../store/database.ts'
import { type JudgedApp, type JudgedInstance, judgeTroubles } from './judge-troubles.ts'
import { isLive } from './states.ts'

/** An app in the transaction that holds its row. */
export interface TroubledApp {
  readonly id: string
  readonly project_id: string
  readonly name: string
  readonly revision: number
  readonly troubles: readonly AppTrouble[]
}

interface AppRow extends TroubledApp, Omit<JudgedApp, 'instances' | 'troubles'> {
  readonly ready_revision: number | null
  readonly now_ms: number
}

/**
 * Looks for episodes that begin or end, see judge-troubles.ts. Only the instances of the revision that serves count: what
 * becomes of a new one is its deploy's matter. Costs one statement while all is well.
 */
export async function noteTroubles(db: Database): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select a.id from apps a where a.deleted_at is null and (a.troubles && '{crash-loop,out-of-memory}' or exists (
      select 1 from app_instances i where i.app_id = a.id and i.revision = a.ready_revision and ${isLive}
        and i.ends <> '[]' and i.cancel_reason is null))`.execute(db)
  for (const { id } of rows) await db.transaction().execute(async (trx) => judgeOne(trx, id))
}

async function judgeOne(trx: Queryable, id: string): Promise<void> {
  const { rows } = await sql<AppRow>`
    select a.id, a.project_id, a.name, a.revision, a.replicas, a.stopped, a.ready_revision, a.troubles,
      (extract(epoch from panda_now()) * 1000)::float8 as now_ms
    from apps a where a.id = ${id} and a.deleted_at is null for no key update of a skip locked`.execute(trx)
  const app = rows[0]
  if (app === undefined) return
  const instances = await readInstances(trx, app)
  const { open, close, recovered } = judgeTroubles({ ...app, instances }, app.now_ms)
  if (open.length === 0 && close.length === 0) return
  await setTroubles(trx, app, { add: open.map(({ trouble }) => trouble), drop: close })
  for (const { trouble, instance } of open) await tell(trx, app, trouble, instance)
  if (recovered) await tellRecovered(trx, app)
}

async function readInstances(trx: Queryable, app: AppRow): Promise<JudgedInstance[]> {
  const { rows } = await sql<JudgedInstance>`
    select i.id, i.revision, i.ready_at is not null as ready, i.ends, greatest(0, i.attempt - 1) as restarts,
      case when i.state = 'running' and i.phase = 'running'
        then (extract(epoch from panda_now() - i.attempt_started_at) * 1000)::float8 end as "runningForMs"
    from app_instances i
    where i.app_id = ${app.id} and i.revision = ${app.ready_revision} and ${isLive} and i.cancel_reason is null
    order by i.slot`.execute(trx)
  return rows
}

async function tell(trx: Queryable, app: AppRow, event: AppAlertItem['event'], instance: JudgedInstance) {
  const { revision, restarts, id, ends } = instance
  const last = ends.at(-1)
  await noteAppEvent(trx, {
    projectId: app.project_id,
    appId: app.id,
    event,
    facts: {
      app: app.name,
      revision,
      instance: id,
      reason: last?.reason ?? null,
      message: last === undefined ? null : `the last time it ${last.message}`,
      exitCode: last?.exitCode ?? null,
      restarts,
      at: new Date(last?.at ?? app.now_ms).toISOString(),
    },
  })
}

async function tellRecovered(trx: Queryable, app: TroubledApp): Promise<void> {
  const { name, revision } = app
  const nothing = { instance: null, reason: null, message: null, exitCode: null, restarts: 0 }
  const facts = { app: name, revision, ...nothing, at: new Date().toISOString() }
  await noteAppEvent(trx, { projectId: app.project_id, appId: app.id, event: 'recovered', facts })
}

/** A deploy has become ready: with it an episode of failed deploys is over. */
export async function endFailedDeploys(trx: Queryable, app: TroubledApp): Promise<void> {
  if (!app.troubles.includes('deploy-failed')) return
  await setTroubles(trx, app, { add: [], drop: ['deploy-failed'] })
  if (app.troubles.length === 1) await tellRecovered(trx, app)
}

/** Each failed deploy is told: somebody has made it. */
export async function noteFailedDeploy(trx: Queryable, app: TroubledApp, message: string): Promise<void> {
  await setTroubles(trx, app, { add: ['deploy-failed'], drop: [] })
  const { rows } = await sql<Pick<AppAlertItem, 'instance' | 'reason' | 'exitCode' | 'restarts'> & { at: Date }>`
    select f.id as instance, f.reason, f.exit_code as "exitCode", coalesce(greatest(0, f.attempt - 1), 0) as restarts,
      panda_now() as at
    from (select 1) as one left join lateral (
      select i.id, i.reason, i.exit_code, i.attempt from app_instances i
      where i.app_id = ${app.id} and i.revision = ${app.revision}
      order by i.ready_at is not null, i.crashes desc, i.id limit 1
    ) f on true`.execute(trx)
  const [last] = rows
  if (last === undefined) throw new Error('a query without a condition has answered no row')
  const facts = { ...last, app: app.name, revision: app.revision, message, at: last.at.toISOString() }
  await noteAppEvent(trx, { projectId: app.project_id, appId: app.id, event: 'deploy-failed', facts })
}

async function setTroubles(
  trx: Queryable,
  app: TroubledApp,
  { add, drop }: { readonly add: readonly AppTrouble[]; readonly drop: readonly AppTrouble[] },
): Promise<void> {
  const now = [...new Set([...app.troubles, ...add])].filter((trouble) => !drop.includes(trouble))
  await sql`update apps set troubles = ${now}::text[] where id = ${app.id}`.execute(trx)
}
