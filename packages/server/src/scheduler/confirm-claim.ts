import { sql } from 'kysely'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { Queryable } from '../store/database.ts'

/** Which of the runs of a claim in doubt were committed and are still this server's to run. */
export async function confirmClaim(
  db: Queryable,
  serverId: string,
  runs: readonly ClaimedRun[],
): Promise<readonly ClaimedRun[]> {
  if (runs.length === 0) return []
  const { rows } = await sql<{ id: string }>`
    select id from runs where id = any (${runs.map((run) => run.id)}::text[])
      and state = 'running' and server_id = ${serverId} and fence = 1 and attempt_started_at is null`.execute(db)
  const found = new Set(rows.map((row) => row.id))
  return runs.filter((run) => found.has(run.id))
}
