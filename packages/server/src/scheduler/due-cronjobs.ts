import type { CronjobSpec } from '@pandastack/contract'
import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import type { TickPolicy } from './plan-ticks.ts'

/** A cronjob whose row this transaction has locked, as far as its ticks need it. */
export interface DueCronjob extends TickPolicy {
  readonly projectId: string
  readonly name: string
  /** Null when it was not asked for, or is large. */
  readonly spec: CronjobSpec | null
  readonly revision: number
  readonly schedule: string
  readonly timezone: string
  readonly maxAttempts: number
  /** Epoch ms, at or before `now`. */
  readonly nextDueAt: number
}

export interface DueCronjobs {
  /** The database's clock in this transaction, epoch ms. */
  readonly now: number
  readonly cronjobs: readonly DueCronjob[]
}

interface Row extends DueCronjob {
  readonly now: number
}

/** A larger spec is read by whoever carries the run out: a batch of those must not fill the memory. */
const SMALL_SPEC_BYTES = 4096

// Times travel as epoch milliseconds: a tenth of the cost of dates as text.
// Named as the fields are: a row is used as it comes, since a copy of each costs more than its plan.
const columns = sql`id, project_id as "projectId", name, revision, schedule, timezone, suspended, concurrency, missed,
  missed_limit as "missedLimit", deadline_ms as "deadlineMs", jitter_ms as "jitterMs", max_attempts as "maxAttempts",
  round(extract(epoch from next_due_at) * 1000)::float8 as "nextDueAt",
  extract(epoch from panda_now())::float8 * 1000 as now`

export interface WhichCronjobs {
  /** `oldest` (default) works off backlogs, `newest` keeps fresh ticks punctual beside them. */
  readonly order?: 'oldest' | 'newest' | undefined
  /** Ids of cronjobs that are left to other servers. Default none. */
  readonly except?: readonly string[] | undefined
  /** For ticks that start at once: the specs come along. Default false. */
  readonly withSpec?: boolean
}

/** Locks up to `limit` due cronjobs that no other transaction holds. */
export async function lockDueCronjobs(
  db: Queryable,
  limit: number,
  { order = 'oldest', except = [], withSpec = false }: WhichCronjobs = {},
): Promise<DueCronjobs> {
  const spec = withSpec ? sql`case when pg_column_size(spec) <= ${SMALL_SPEC_BYTES} then spec end` : sql`null`
  const direction = order === 'oldest' ? sql`asc` : sql`desc`
  const { rows } = await sql<Row>`
    select ${columns}, ${spec} as spec from cronjobs where next_due_at <= panda_now() ${notAmong(except)}
    order by next_due_at ${direction} limit ${limit} for update skip locked`.execute(db)
  return toDueCronjobs(rows)
}

/** Ends a `where`: leaves out these ids, if any. */
export function notAmong(ids: readonly string[]): RawBuilder<unknown> {
  return ids.length === 0 ? sql`` : sql`and id <> all (${[...ids]}::text[])`
}

/** Waits for the lock of one cronjob; empty when it is not due. */
export async function lockIfDue(db: Queryable, cronjobId: string): Promise<DueCronjobs> {
  const { rows } = await sql<Row>`
    select ${columns}, null as spec from cronjobs where id = ${cronjobId} and next_due_at <= panda_now() for update`.execute(
    db,
  )
  return toDueCronjobs(rows)
}

function toDueCronjobs(cronjobs: readonly Row[]): DueCronjobs {
  return { now: Math.floor(cronjobs[0]?.now ?? 0), cronjobs }
}
