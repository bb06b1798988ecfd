import type { Reason } from '@pandastack/contract'
import { type RawBuilder, sql } from 'kysely'

/** How a container of an instance ended by itself, as `app_instances.ends` keeps it over the next starts. */
export interface StoredEnd {
  readonly at: string
  readonly reason: Reason | null
  readonly message: string
  readonly exitCode: number | null
}

/** So many are kept of an instance, the newest last. So many within {@link CRASH_LOOP_MS} are a crash loop. */
export const ENDS_KEPT = 3
export const CRASH_LOOP_MS = 10 * 60_000
/** An instance that has run so long without an end is well again: longer than the longest wait for a start. */
export const WELL_AFTER_MS = 5 * 60_000

/** The value of `ends` of `app_instances i` with this one added. */
export function withEnd({ reason, message, exitCode }: Omit<StoredEnd, 'at'>): RawBuilder<unknown> {
  return sql`(
    select jsonb_agg(newest.one order by newest.nth) from (
      select one, nth from jsonb_array_elements(i.ends || jsonb_build_object('at', panda_now(),
        'reason', ${reason}::text, 'message', ${message}::text, 'exitCode', ${exitCode}::int)) with ordinality as t (one, nth)
      order by nth desc limit ${ENDS_KEPT}
    ) newest
  )`
}
