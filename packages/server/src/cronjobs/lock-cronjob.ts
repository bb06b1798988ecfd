import type { CronjobSpec } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import { cronjobNotFound } from './read-cronjobs.ts'

export interface LockedCronjob {
  readonly id: string
  readonly revision: number
  readonly spec: CronjobSpec
  /** The database's clock in this transaction. */
  readonly now: Date
}

/**
 * Locks a cronjob's row, which orders this change against claims, manual starts and releases of held runs.
 *
 * @throws PandaError `not_found`
 */
export async function lockCronjob(trx: Queryable, projectId: string, name: string): Promise<LockedCronjob> {
  const { rows } = await sql<LockedCronjob>`
    select id, revision, spec, panda_now() as now from cronjobs
    where project_id = ${projectId} and name = ${name} and deleted_at is null for update`.execute(trx)
  const row = rows[0]
  if (!row) throw cronjobNotFound(name)
  return row
}
