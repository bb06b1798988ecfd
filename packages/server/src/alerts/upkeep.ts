import { sql } from 'kysely'
import type { Database } from '../store/database.ts'
import type { AlertQueue } from './alert-queue.ts'

/** Sent and dead messages are kept for so long, for `panda alert deliveries`. */
const KEEP_DAYS = 30
/** Taken over by one pass at most. */
const MAX_ADOPTED = 100

/**
 * Messages that wait without a job: those stored by a version from before the queue. They keep their tries and their time.
 * @returns how many were sent on their way
 */
export function adoptWaiting(db: Database, queue: AlertQueue): Promise<number> {
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ id: string; alertId: string; waitMs: number }>`
      select id, alert_id as "alertId",
        greatest(0, extract(epoch from next_attempt_at - panda_now()) * 1000)::float8 as "waitMs"
      from alert_deliveries where state = 'pending' and job_id is null
      order by id limit ${MAX_ADOPTED} for update skip locked`.execute(tx)
    for (const { id, alertId, waitMs } of rows) {
      const job = await queue.add(tx, { id, alertId }, Math.round(waitMs))
      await tx.updateTable('alert_deliveries').set({ job_id: job }).where('id', '=', id).execute()
    }
    return rows.length
  })
}

/**
 * The record of a message tells people what became of it, so what the queue has given up ends there. Most did so
 * themselves; a message whose sender died three times in the middle could not.
 */
export async function buryDead(db: Database, queue: AlertQueue): Promise<void> {
  for (const { id, data, reason, error } of await queue.dead()) {
    const why =
      reason === 'crashes' ? 'the server died each time it was sent' : (error?.message ?? reason ?? 'given up')
    await db
      .updateTable('alert_deliveries')
      .set({ state: 'dead', next_attempt_at: null, last_error: why.slice(0, 500) })
      .where('id', '=', data.delivery)
      .where('state', '=', 'pending')
      .execute()
    await queue.forget(id)
  }
}

export async function prune(db: Database): Promise<void> {
  await sql`
    with old as (
      delete from alert_deliveries where state <> 'pending' and created_at < now() - ${KEEP_DAYS} * interval '1 day' returning id
    ) delete from alert_events where delivery_id in (select id from old)`.execute(db)
}
