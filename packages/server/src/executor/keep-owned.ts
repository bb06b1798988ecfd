import { sql } from 'kysely'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { Queryable } from '../store/database.ts'
import { stillRunning } from '../runs/transition/fenced.ts'

/** Which of these runs are still running, ours, and with the fence that we have. */
export async function keepOwned(
  db: Queryable,
  serverId: string,
  runs: readonly ClaimedRun[],
): Promise<ReadonlySet<string>> {
  if (runs.length === 0) return new Set()
  const { rows } = await sql<{ id: string }>`
    select r.id from runs r
    join unnest(${runs.map((run) => run.id)}::text[], ${runs.map((run) => run.fence)}::int[]) as i (id, fence)
      on i.id = r.id and i.fence = r.fence
    where ${stillRunning} and r.server_id = ${serverId}`.execute(db)
  return new Set(rows.map((row) => row.id))
}
