import type {
  App,
  AppDetail,
  AppSpec,
  AppState,
  Drain,
  Instance,
  InstanceEnd,
  Revision,
  RevisionState,
} from '@pandastack/contract'
import { type RawBuilder, sql } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { keyPage, type Page, type PageRequest } from '../store/page.ts'
import type { StoredEnd } from './instance-end.ts'
import { appNotFound } from './lock-app.ts'
import { isLive } from './states.ts'

interface AppRow {
  readonly id: string
  readonly name: string
  readonly project: string
  readonly replicas: number
  readonly stopped: boolean
  readonly revision: number
  readonly ready_revision: number | null
  readonly revision_state: RevisionState
  readonly ready: number
  readonly restarts: number
  readonly crashing: boolean
  readonly last_end: (StoredEnd & { readonly id: string }) | null
  readonly spec: AppSpec
  readonly created_at: Date
  readonly updated_at: Date
}

function selectApps(where: RawBuilder<unknown>) {
  return sql<AppRow>`
    select a.id, a.name, p.name as project, a.replicas, a.stopped, a.revision, a.ready_revision, v.state as revision_state,
      v.spec, a.created_at, a.updated_at,
      (select count(*)::int from app_instances i where i.app_id = a.id and ${isLive} and i.ready_at is not null
        and i.cancel_reason is null) as ready,
      'crash-loop' = any (a.troubles) as crashing, ends.restarts, ends.last_end
    from apps a join projects p on p.id = a.project_id
    cross join lateral (
      select coalesce(sum(greatest(0, i.attempt - 1)), 0)::int as restarts,
        (array_agg((i.ends -> -1) || jsonb_build_object('id', i.id) order by i.ends -> -1 ->> 'at' desc)
          filter (where i.ends <> '[]'))[1] as last_end
      from app_instances i where i.app_id = a.id and ${isLive} and i.cancel_reason is null
    ) ends
    join app_revisions v on v.app_id = a.id and v.revision = a.revision
    where a.deleted_at is null and ${where}`
}

/** By name. */
export async function listApps(db: Queryable, projectId: string, page: PageRequest): Promise<Page<App>> {
  const after = page.after === null ? sql`true` : sql`a.name > ${page.after}`
  const { rows } = await selectApps(
    sql`a.project_id = ${projectId} and ${after} order by a.name limit ${page.limit + 1}`,
  ).execute(db)
  return keyPage(rows, page, (row) => row.name, toApp)
}

/** In one snapshot: who waits for an app reads its counts beside its instances. @throws PandaError `not_found` */
export async function getApp(db: Database, projectId: string, name: string): Promise<AppDetail> {
  const snapshot = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only')
  return snapshot.execute(async (tx) => readApp(tx, projectId, name))
}

async function readApp(db: Queryable, projectId: string, name: string): Promise<AppDetail> {
  const { rows } = await selectApps(sql`a.project_id = ${projectId} and a.name = ${name}`).execute(db)
  const row = rows[0]
  if (row === undefined) throw appNotFound(name)
  const instances = await readInstances(db, row.id, row.name)
  const [deploy] = await readRevisions(db, row.id, sql`v.revision = ${row.revision}`)
  if (deploy === undefined) throw new Error(`app ${row.id} has no revision ${row.revision}`)
  return { ...toApp(row), deploy, instances }
}

/** The newest first. @throws PandaError `not_found` */
export async function listRevisions(db: Database, projectId: string, name: string): Promise<Revision[]> {
  const { id } = await getApp(db, projectId, name)
  return readRevisions(db, id, sql`true`)
}

function toApp(row: AppRow): App {
  return {
    id: row.id,
    name: row.name,
    project: row.project,
    state: stateOf(row),
    replicas: row.replicas,
    ready: row.ready,
    restarts: row.restarts,
    lastEnd: row.last_end === null ? null : toEnd(row.name, row.last_end.id, row.last_end),
    revision: row.revision,
    readyRevision: row.ready_revision,
    spec: wholeSpec(row.spec),
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

/** A revision of an older version says nothing of what came later. */
function wholeSpec(spec: AppSpec): AppSpec {
  return { ...spec, probe: spec.probe ?? null }
}

function stateOf({ stopped, revision_state, ready, replicas, crashing }: AppRow): AppState {
  if (stopped) return 'stopped'
  if (revision_state === 'deploying') return 'deploying'
  if (crashing) return 'crashing'
  if (revision_state === 'failed') return 'failed'
  return ready < replicas ? 'degraded' : 'ready'
}

interface InstanceRow {
  readonly id: string
  readonly revision: number
  readonly slot: number
  readonly state: Instance['state']
  readonly phase: Instance['phase']
  readonly ready: boolean
  readonly attempt: number
  readonly reason: Instance['reason']
  readonly message: string | null
  readonly exit_code: number | null
  readonly server_id: string | null
  readonly attempt_started_at: Date | null
  readonly available_at: Date
  readonly finished_at: Date | null
  readonly ends: readonly StoredEnd[]
}

/** App and the last characters of the id, as logs show it. */
export function instanceName(app: string, id: string): string {
  return `${app}-${id.slice(-6)}`
}

/** Ended ones shown beside those that live. */
const ENDED_SHOWN = 10

async function readInstances(db: Queryable, appId: string, app: string): Promise<Instance[]> {
  const columns = sql`i.id, i.revision, i.slot, i.state, i.phase, i.ready_at is not null as ready, i.attempt, i.reason,
    i.message, i.exit_code, i.server_id, i.attempt_started_at, i.available_at, i.finished_at, i.ends`
  const { rows } = await sql<InstanceRow>`
    (select ${columns} from app_instances i where i.app_id = ${appId} and ${isLive} order by i.revision, i.slot, i.id)
    union all
    (select ${columns} from app_instances i where i.app_id = ${appId} and not (${isLive})
      order by i.finished_at desc limit ${ENDED_SHOWN})`.execute(db)
  return rows.map((row) => toInstance(app, row))
}

function toEnd(app: string, id: string, end: StoredEnd): InstanceEnd {
  const { reason, message, exitCode } = end
  return { at: new Date(end.at).toISOString(), instance: instanceName(app, id), reason, message, exitCode }
}

function toInstance(app: string, row: InstanceRow): Instance {
  const { id, revision, slot, state, phase, ready, reason, message } = row
  const last = row.ends.at(-1)
  return {
    id,
    name: instanceName(app, id),
    revision,
    slot,
    state,
    phase,
    ready,
    restarts: Math.max(0, row.attempt - 1),
    reason,
    message,
    exitCode: row.exit_code,
    server: row.server_id,
    startedAt: row.attempt_started_at?.toISOString() ?? null,
    nextStartAt: state === 'retrying' ? row.available_at.toISOString() : null,
    finishedAt: row.finished_at?.toISOString() ?? null,
    lastEnd: last === undefined ? null : toEnd(app, id, last),
  }
}

interface RevisionRow extends Drain {
  readonly revision: number
  readonly state: RevisionState
  readonly message: string | null
  readonly spec: AppSpec
  readonly image_digest: string | null
  readonly rollback_of: number | null
  readonly by: string | null
  readonly created_at: Date
  readonly ready_at: Date | null
}

/** SIGKILL's exit code, as engines report it. */
const KILLED = 137

async function readRevisions(db: Queryable, appId: string, which: RawBuilder<unknown>): Promise<Revision[]> {
  const { rows } = await sql<RevisionRow>`
    select v.revision, v.state, v.message, v.spec, v.image_digest, v.rollback_of, v.by, v.created_at, v.ready_at, d.*
    from app_revisions v cross join lateral (
      select count(*)::int as instances, count(*) filter (where ${isLive})::int as stopping,
        sum(i.drain_finished)::int as finished, sum(i.drain_handed_back)::int as "handedBack",
        sum(greatest(0, i.drain_held - coalesce(i.drain_finished, 0) - coalesce(i.drain_handed_back, 0)))
          filter (where i.drain_held is not null and not (${isLive}))::int as lost,
        count(*) filter (where i.exit_code = ${KILLED} or i.state = 'lost')::int as killed
      from app_instances i where i.app_id = v.app_id and i.replaced_by = v.revision
    ) d where v.app_id = ${appId} and ${which} order by v.revision desc`.execute(db)
  return rows.map(toRevision)
}

function toRevision(row: RevisionRow): Revision {
  const { revision, state, message, spec, by, instances, stopping, finished, handedBack, lost, killed } = row
  return {
    revision,
    state,
    message,
    spec: wholeSpec(spec),
    imageDigest: row.image_digest,
    rollbackOf: row.rollback_of,
    by,
    createdAt: row.created_at.toISOString(),
    readyAt: row.ready_at?.toISOString() ?? null,
    drained: { instances, stopping, finished, handedBack, lost, killed },
  }
}
