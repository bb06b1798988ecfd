import { PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'

export interface LockedApp {
  readonly id: string
  readonly replicas: number
  readonly stopped: boolean
  readonly revision: number
  /** Null = none was ready yet. */
  readonly readyRevision: number | null
}

export function appNotFound(name: string): PandaError {
  return new PandaError('not_found', `There is no app "${name}" in this project.`, {
    hint: `See \`panda app list\`; make it with: panda app deploy ${name} --image your-org/api:latest`,
  })
}

/**
 * Locks an app's row, which orders this change against others and against the planner.
 *
 * @throws PandaError `not_found`
 */
export async function lockApp(trx: Queryable, projectId: string, name: string): Promise<LockedApp> {
  const app = await lockAppIfThere(trx, projectId, name)
  if (app === null) throw appNotFound(name)
  return app
}

export async function lockAppIfThere(trx: Queryable, projectId: string, name: string): Promise<LockedApp | null> {
  const { rows } = await sql<LockedApp>`
    select id, replicas, stopped, revision, ready_revision as "readyRevision" from apps
    where project_id = ${projectId} and name = ${name} and deleted_at is null for update`.execute(trx)
  return rows[0] ?? null
}

export async function wakeControllers(db: Queryable): Promise<void> {
  await sql`select pg_notify('panda_apps', '')`.execute(db)
}
