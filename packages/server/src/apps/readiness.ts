import { sql } from 'kysely'
import { reach } from '../fault-points.ts'
import type { Queryable } from '../store/database.ts'

/** With `ready: auto`, an instance that says nothing is ready when it has run for so long. */
export const AUTO_READY_MS = 5000

/** @returns how many became ready by having run long enough */
export async function noteSteadyInstances(db: Queryable): Promise<number> {
  const { numAffectedRows } = await sql`
    update app_instances i set ready_at = panda_now()
    from app_revisions v
    where i.state = 'running' and i.phase = 'running' and i.ready_at is null and v.app_id = i.app_id
      and v.revision = i.revision and v.spec ->> 'ready' = 'auto' and v.spec ->> 'probe' is null
      and i.attempt_started_at <= panda_now() - ${AUTO_READY_MS} * interval '1 millisecond'`.execute(db)
  return Number(numAffectedRows ?? 0n)
}

/** What an instance has told of itself (the SDK's word, see lifecycle-lines.ts). */
export type Told =
  | { readonly kind: 'registered' }
  | { readonly kind: 'drained'; readonly finished: number; readonly handedBack: number }

/**
 * Where a probe decides (prober.ts), a registration makes nobody ready. What several queues of an instance have drained is
 * added up. An older attempt's word is not heard.
 */
export async function noteTold(db: Queryable, instanceId: string, attempt: number, told: Told): Promise<void> {
  if (told.kind === 'registered') {
    const { numAffectedRows } = await sql`
      update app_instances i set ready_at = panda_now()
      from app_revisions v
      where i.id = ${instanceId} and i.attempt = ${attempt} and i.state = 'running' and i.ready_at is null
        and v.app_id = i.app_id and v.revision = i.revision and v.spec ->> 'probe' is null`.execute(db)
    // Told again: by another worker of it, or since its log was read once more after a restart of the server.
    if (numAffectedRows === 0n) return
    await sql`select pg_notify('panda_apps', ${instanceId})`.execute(db)
    reach('instance-ready')
    return
  }
  await sql`
    update app_instances i set drain_finished = coalesce(i.drain_finished, 0) + ${told.finished},
      drain_handed_back = coalesce(i.drain_handed_back, 0) + ${told.handedBack}
    where i.id = ${instanceId} and i.attempt = ${attempt}`.execute(db)
}
