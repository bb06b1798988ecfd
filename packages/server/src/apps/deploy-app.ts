import { type AppSpec, appSpecSchema, type DeployApp, PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { reach } from '../fault-points.ts'
import { claimPort } from './claim-port.ts'
import { lockAppIfThere, wakeControllers } from './lock-app.ts'
import { insertRevision, readRevision } from './revisions.ts'

type SpecChange = Omit<DeployApp, 'replicas'>

/**
 * Makes an app, or a new revision of it. What the deploy leaves out stays as it was in the newest revision, of a new app
 * it takes its default. Answers when it is recorded; the instances follow.
 *
 * @param by the token's name
 * @throws PandaError `not_found` when there is no such app and no image to make it with; what claimPort throws
 */
export async function deployApp(
  db: Database,
  projectId: string,
  name: string,
  deploy: DeployApp,
  by: string | null,
): Promise<void> {
  const { replicas, ...change } = deploy
  await db.transaction().execute(async (trx) => {
    const app = await lockAppIfThere(trx, projectId, name)
    if (app === null) {
      const spec = firstSpec(name, change)
      await claimPort(trx, { appId: null, name, projectId, replicas: replicas ?? 1, port: spec.port })
      const id = await insertApp(trx, projectId, name, replicas ?? 1)
      await insertRevision(trx, { appId: id, revision: 1, spec, by })
    } else {
      const before = await readRevision(trx, app.id, app.revision)
      const spec = appSpecSchema.parse({ ...before?.spec, ...given(change) })
      await claimPort(trx, { appId: app.id, name, projectId, replicas: replicas ?? app.replicas, port: spec.port })
      if (replicas !== undefined) await sql`update apps set replicas = ${replicas} where id = ${app.id}`.execute(trx)
      await insertRevision(trx, { appId: app.id, revision: app.revision + 1, spec, by })
    }
    await wakeControllers(trx)
  })
  reach('app-changed')
}

/** @throws PandaError `conflict` when somebody else makes it at this moment */
async function insertApp(trx: Queryable, projectId: string, name: string, replicas: number): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    insert into apps (id, project_id, name, replicas, created_at, updated_at)
    values (${newId('app')}, ${projectId}, ${name}, ${replicas}, panda_now(), panda_now())
    on conflict (project_id, name) where deleted_at is null do nothing returning id`.execute(trx)
  if (rows[0] === undefined) {
    throw new PandaError('conflict', `Somebody else is making the app "${name}" right now.`, {
      hint: 'Repeat the deploy in a moment.',
    })
  }
  return rows[0].id
}

function firstSpec(name: string, change: SpecChange): AppSpec {
  if (change.image === undefined) {
    throw new PandaError(
      'not_found',
      `There is no app "${name}" in this project yet, and no image was given to make it.`,
      {
        hint: `Name it: panda app deploy ${name} --image your-org/api:latest -- node worker.js`,
      },
    )
  }
  return appSpecSchema.parse(given(change))
}

function given(change: SpecChange): Partial<SpecChange> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}
