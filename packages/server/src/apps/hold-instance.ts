import { sql } from 'kysely'
import type { Hold, HoldAnswer } from '../executor/ledger.ts'
import type { Database, Queryable } from '../store/database.ts'
import { ours, wakeOf } from './instance-writes.ts'
import { pinRevision } from './pin-revision.ts'

/**
 * The image of an instance is there. One that waits for a port goes back to the queue until the planner lets it go; the
 * engine that has the image keeps it. What its revision starts is settled now, so that the later start asks no registry.
 */
export function holdInstance(db: Database, hold: Hold): Promise<HoldAnswer> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ app_id: string; revision: number }>`
      update app_instances i set state = 'queued', phase = null, attempt = i.attempt - 1, server_id = null,
        image_ready_at = panda_now(), available_at = panda_now(), reason = null, exit_code = null,
        message = 'its image is there; it waits for the port of the instance before it'
      where ${ours(hold)} and i.held and i.cancel_reason is null returning i.app_id, i.revision`.execute(trx)
    const row = rows[0]
    if (row === undefined) return whyNot(trx, hold)
    await pinRevision(trx, { appId: row.app_id, revision: row.revision, ...hold })
    await wakeOf(hold.id).execute(trx)
    return 'held'
  })
}

async function whyNot(trx: Queryable, hold: Hold): Promise<HoldAnswer> {
  const { rows } = await sql<{ cancelled: boolean }>`
    select i.cancel_reason is not null as cancelled from app_instances i where ${ours(hold)}`.execute(trx)
  if (rows[0] === undefined) return 'stale'
  return rows[0].cancelled ? 'cancelled' : 'go'
}
