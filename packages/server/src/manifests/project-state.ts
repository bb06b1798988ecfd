import { type AlertSpec, type AppSpec, appSpecSchema, type CronjobSpec, formatDuration } from '@pandastack/contract'
import { sql } from 'kysely'
import { readChannel } from '../alerts/alerts.ts'
import type { Sealer } from '../alerts/stored-channel.ts'
import type { Queryable } from '../store/database.ts'

export interface CurrentApp {
  /** Of the newest revision. */
  readonly spec: AppSpec
  readonly replicas: number
  readonly stopped: boolean
  /** The newest revision did not become ready. */
  readonly failed: boolean
}

/** What a project looks like now, in the words of a manifest. */
export interface ProjectState {
  readonly env: Readonly<Record<string, string>>
  readonly secrets: ReadonlySet<string>
  readonly cronjobs: ReadonlyMap<string, CronjobSpec>
  readonly apps: ReadonlyMap<string, CurrentApp>
  readonly alerts: ReadonlyMap<string, AlertSpec>
}

export async function readProjectState(db: Queryable, box: Sealer, projectId: string): Promise<ProjectState> {
  const env = await db
    .selectFrom('env_variables')
    .select(['name', 'value'])
    .where('project_id', '=', projectId)
    .execute()
  const secrets = await db
    .selectFrom('secrets')
    .select('name')
    .where('project_id', '=', projectId)
    .where('kind', '=', 'env')
    .where('cronjob_id', 'is', null)
    .execute()
  const cronjobs = await db
    .selectFrom('cronjobs')
    .select(['name', 'spec'])
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .execute()
  return {
    env: Object.fromEntries(env.map(({ name, value }) => [name, value])),
    secrets: new Set(secrets.map(({ name }) => name)),
    cronjobs: new Map(cronjobs.map(({ name, spec }) => [name, spec])),
    apps: await readApps(db, projectId),
    alerts: await readAlerts(db, box, projectId),
  }
}

async function readApps(db: Queryable, projectId: string): Promise<Map<string, CurrentApp>> {
  const { rows } = await sql<CurrentApp & { readonly name: string }>`
    select a.name, a.replicas, a.stopped, v.spec, v.state = 'failed' as failed
    from apps a join app_revisions v on v.app_id = a.id and v.revision = a.revision
    where a.project_id = ${projectId} and a.deleted_at is null`.execute(db)
  return new Map(
    // A revision of an older server lacks newer fields: they count as their defaults, else each app would seem changed.
    rows.map(({ name, spec, ...rest }) => [name, { ...rest, spec: appSpecSchema.parse(spec) }]),
  )
}

async function readAlerts(db: Queryable, box: Sealer, projectId: string): Promise<Map<string, AlertSpec>> {
  const rows = await db
    .selectFrom('alerts')
    .leftJoin('cronjobs', (join) =>
      join.onRef('cronjobs.id', '=', 'alerts.cronjob_id').on('cronjobs.deleted_at', 'is', null),
    )
    .leftJoin('apps', (join) => join.onRef('apps.id', '=', 'alerts.app_id').on('apps.deleted_at', 'is', null))
    .selectAll('alerts')
    .select(['cronjobs.name as cronjob', 'apps.name as app'])
    .where('alerts.project_id', '=', projectId)
    .execute()
  const specs = new Map<string, AlertSpec>()
  for (const row of rows) {
    specs.set(row.name, {
      on: row.events,
      cronjob: row.cronjob,
      app: row.app,
      channel: await readChannel(db, box, projectId, row.name),
      lateAfter: formatDuration(row.late_after_ms),
      groupFor: formatDuration(row.group_for_ms),
    })
  }
  return specs
}
