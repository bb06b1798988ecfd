import { sql } from 'kysely'
import type { Queryable } from '../../store/database.ts'
import { isActive } from '../states.ts'

/** Cronjobs of which a run ended so; see {@link lockCronjobs}. */
export interface Endings {
  readonly bad: readonly string[]
  readonly good: readonly string[]
}

/**
 * Locks those of the cronjobs whose runs may be held behind one another, and those whose `failing` mark would turn. To
 * be called before the runs are changed: the claim of due ticks and the start by hand take the same lock before they
 * look for active runs, so none of them can miss what the other does. One statement in one order: no deadlocks.
 *
 * @returns the `failing` mark by cronjob, of those that are locked
 */
export async function lockCronjobs(
  trx: Queryable,
  cronjobIds: readonly string[],
  endings: Endings = { bad: [], good: [] },
): Promise<Map<string, boolean>> {
  if (cronjobIds.length === 0) return new Map()
  const { rows } = await sql<{ id: string; failing: boolean }>`
    select c.id, c.failing from cronjobs c
    where c.id = any (${[...new Set(cronjobIds)]}::text[])
      and (c.concurrency in ('queue', 'replace') or exists (select 1 from runs r where r.cronjob_id = c.id and r.held)
        or (not c.failing and c.id = any (${[...endings.bad]}::text[]))
        or (c.failing and c.id = any (${[...endings.good]}::text[])))
    order by c.id for no key update`.execute(trx)
  return new Map(rows.map((row) => [row.id, row.failing]))
}

/**
 * Lets the oldest held run of each cronjob go, if nothing before it is active. The caller holds the cronjobs' locks.
 *
 * @returns the runs that may start now
 */
export async function releaseHeld(trx: Queryable, cronjobIds: readonly string[]): Promise<string[]> {
  if (cronjobIds.length === 0) return []
  const { rows } = await sql<{ id: string }>`
    with waiting as (
      select distinct on (h.cronjob_id) h.cronjob_id, h.id from runs h
      where h.held and h.cronjob_id = any (${[...cronjobIds]}::text[]) and h.state = 'queued' and h.cancel_reason is null
      order by h.cronjob_id, h.due_at, h.id
    )
    update runs r set held = false from waiting w
    where r.id = w.id and not exists (
      select 1 from runs a
      where a.cronjob_id = w.cronjob_id and ${isActive('a')} and not a.held
    )
    returning r.id`.execute(trx)
  return rows.map((row) => row.id)
}

/**
 * The net under the releases at each end: held runs with nothing active before them, e.g. when the policy was changed
 * meanwhile. At most `limit` cronjobs at a time.
 */
export async function findStuckHeld(db: Queryable, limit: number): Promise<string[]> {
  const { rows } = await sql<{ cronjob_id: string }>`
    select distinct h.cronjob_id from runs h
    where h.held and h.state = 'queued' and h.cancel_reason is null and not exists (
      select 1 from runs a
      where a.cronjob_id = h.cronjob_id and ${isActive('a')} and not a.held
    )
    limit ${limit}`.execute(db)
  return rows.map((row) => row.cronjob_id)
}
