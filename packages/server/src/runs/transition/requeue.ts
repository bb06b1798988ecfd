import { sql } from 'kysely'
import type { Database } from '../../store/database.ts'
import { type Fenced, stillRunning } from './fenced.ts'
import { notifyRuns } from './notify-runs.ts'

export interface Requeued extends Fenced {
  readonly delayMs: number
  readonly message: string
  /** True when the engine may hold a unit of this attempt: only a server of the same engine may go on with it. */
  readonly pinned: boolean
}

/**
 * Puts runs back whose start could not be asked for. The attempt is not used up: the next claim gives it the same
 * number, so the same unit name, and takes over whatever the engine has made of it.
 *
 * @returns per item whether it was still ours
 */
export function requeueRuns(db: Database, items: readonly Requeued[]): Promise<boolean[]> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ id: string }>`
      update runs r set state = 'queued', phase = null, attempt = r.attempt - 1, server_id = null,
        engine_id = case when i.pinned then r.engine_id end, reason = 'engine-away', message = i.message,
        available_at = panda_now() + i.delay * interval '1 millisecond'
      from unnest(
        ${items.map((item) => item.id)}::text[], ${items.map((item) => item.fence)}::int[],
        ${items.map((item) => item.delayMs)}::float8[], ${items.map((item) => item.message)}::text[],
        ${items.map((item) => item.pinned)}::bool[]
      ) as i (id, fence, delay, message, pinned)
      where r.id = i.id and r.fence = i.fence and ${stillRunning} and r.attempt_started_at is null
      returning r.id`.execute(trx)
    const kept = new Set(rows.map((row) => row.id))
    await notifyRuns(trx, [...kept])
    return items.map((item) => kept.has(item.id))
  })
}
