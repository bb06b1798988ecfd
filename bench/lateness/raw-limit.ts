import { sql } from 'kysely'
import type { Database } from '../../packages/server/dist/store/database.js'

/**
 * The least that must be written: the same rows into the same tables with the same indexes, and the same next due times,
 * from arrays that are ready. No claim, no plan, no look at active runs.
 *
 * @returns milliseconds for all of them, with as many connections and rows per transaction as the scheduler uses
 */
export async function measureRawLimit(db: Database, batch: number, lanes: number): Promise<number> {
  const { rows: cronjobs } = await sql<{ id: string; due: number }>`
    select id, extract(epoch from next_due_at)::float8 as due from cronjobs`.execute(db)
  const batches: (typeof cronjobs)[] = []
  for (let from = 0; from < cronjobs.length; from += batch) batches.push(cronjobs.slice(from, from + batch))
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let part = batches.shift(); part; part = batches.shift()) await writeBatch(db, part)
    }),
  )
  return Math.round(performance.now() - startedAt)
}

async function writeBatch(db: Database, part: readonly { id: string; due: number }[]): Promise<void> {
  const ids = part.map((row) => row.id)
  const dues = part.map((row) => row.due)
  await db.transaction().execute(async (trx) => {
    await sql`
      insert into runs (id, project_id, cronjob_id, revision, trigger, state, phase, due_at, available_at, attempt,
        server_id, engine_id, fence)
      select 'run_019e' || substr(u.id, 8), 'prj_bench', u.id, 1, 'schedule', 'running', 'preparing', to_timestamp(u.due),
        to_timestamp(u.due), 1, 'srv_bench', 'engine_bench', 1
      from unnest(${ids}::text[], ${dues}::float8[]) as u (id, due)`.execute(trx)
    await sql`
      update cronjobs c set next_due_at = to_timestamp(u.due + 3600)
      from unnest(${ids}::text[], ${dues}::float8[]) as u (id, due) where c.id = u.id`.execute(trx)
  })
}
