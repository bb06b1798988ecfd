import type { Reason } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import type { ActiveRuns } from './plan-ticks.ts'
import { isActive } from '../runs/states.ts'
import { sqlArray } from '../store/sql-array.ts'

/** Active runs by cronjob; cronjobs without any are not in the map. The caller holds the cronjobs' row locks. */
export async function countActiveRuns(
  db: Queryable,
  cronjobIds: readonly string[],
): Promise<ReadonlyMap<string, ActiveRuns>> {
  if (cronjobIds.length === 0) return new Map()
  const { rows } = await sql<{ cronjob_id: string; total: number; waiting: number }>`
    select cronjob_id, count(*) as total, count(*) filter (where held) as waiting
    from runs r where cronjob_id = any (${sqlArray(cronjobIds)}::text[]) and ${isActive('r')}
    group by cronjob_id`.execute(db)
  return new Map(rows.map((row) => [row.cronjob_id, { total: row.total, waiting: row.waiting }]))
}

/** Asks for the end of all active runs of these cronjobs: their owners, or the dispatcher, carry it out. */
export async function cancelActiveRuns(
  db: Queryable,
  cronjobIds: readonly string[],
  reason: Extract<Reason, 'replaced' | 'deleted'>,
): Promise<void> {
  if (cronjobIds.length === 0) return
  await sql`
    update runs r set cancel_reason = ${reason}
    where cronjob_id = any (${cronjobIds}::text[]) and ${isActive('r')} and cancel_reason is null`.execute(db)
  await sql`select pg_notify('panda_runs', '')`.execute(db)
}
