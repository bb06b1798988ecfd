import { sql } from 'kysely'
import { reach } from '../fault-points.ts'
import type { Database, Queryable } from '../store/database.ts'
import { wakeOf } from './instance-writes.ts'
import { areReady, drainOf, type Told, withWord, type Workers } from './workers.ts'

/** With `ready: auto`, an instance whose workers say nothing is ready when it has run for so long. */
export const AUTO_READY_MS = 5000

/** @returns how many became ready by having run long enough */
export async function noteSteadyInstances(db: Queryable): Promise<number> {
  const { numAffectedRows } = await sql`
    update app_instances i set ready_at = panda_now()
    from app_revisions v
    where i.state = 'running' and i.phase = 'running' and i.ready_at is null and v.app_id = i.app_id
      and v.revision = i.revision and v.spec ->> 'ready' = 'auto' and v.spec ->> 'probe' is null
      and i.workers = '{}'::jsonb
      and i.attempt_started_at <= panda_now() - ${AUTO_READY_MS} * interval '1 millisecond'`.execute(db)
  return Number(numAffectedRows ?? 0n)
}

/**
 * Where a probe decides (prober.ts), a registration makes nobody ready. An older attempt's word is not heard. Who is ready
 * stays so, whatever its workers say later.
 */
export async function noteTold(db: Database, instanceId: string, attempt: number, told: Told): Promise<void> {
  const becameReady = await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ workers: Workers }>`
      select i.workers from app_instances i where i.id = ${instanceId} and i.attempt = ${attempt} for update`.execute(
      trx,
    )
    const before = rows[0]?.workers
    if (before === undefined) return false
    const workers = withWord(before, told)
    const { held, finished, handedBack } = drainOf(workers)
    await sql`
      update app_instances i set workers = ${JSON.stringify(workers)}::jsonb, drain_held = ${held},
        drain_finished = ${finished}, drain_handed_back = ${handedBack} where i.id = ${instanceId}`.execute(trx)
    if (!areReady(workers)) return false
    const { numAffectedRows } = await sql`
      update app_instances i set ready_at = panda_now()
      from app_revisions v
      where i.id = ${instanceId} and i.state = 'running' and i.ready_at is null and v.app_id = i.app_id
        and v.revision = i.revision and v.spec ->> 'probe' is null`.execute(trx)
    if (numAffectedRows === 0n) return false
    await wakeOf(instanceId).execute(trx)
    return true
  })
  if (becameReady) reach('instance-ready')
}
