import { sql } from 'kysely'
import { noteRunEvents } from '../../alerts/note-run-events.ts'
import type { Database } from '../../store/database.ts'
import { sqlArray } from '../../store/sql-array.ts'
import { type Fenced, stillRunning } from './fenced.ts'

export interface StartedAttempt extends Fenced {
  readonly imageDigest: string | null
  /** Variables without secrets, for a replay. */
  readonly envSnapshot: Readonly<Record<string, string>>
  /** The engine's own time, when the start is learnt of late (adoption); null = now. */
  readonly startedAt: Date | null
  /** Milliseconds since its start, asked when it is written; for a start that is recorded later. Default 0. */
  readonly agoMs?: () => number
  /** The smallest `late_after_ms` of the alerts that want to hear of a late start; null = nobody does. */
  readonly lateAfterMs: number | null
}

interface StartedRow {
  readonly id: string
  readonly project_id: string
  readonly cronjob_id: string
  readonly late: boolean
}

/**
 * Records that the units of these runs run, in one statement.
 *
 * @returns per item whether it is still ours; false = another server has it, drop it
 */
export function recordStarted(db: Database, items: readonly StartedAttempt[]): Promise<boolean[]> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<StartedRow>`
      with input as (
        select i.*, i.late_after is not null and exists (select 1 from runs o where o.id = i.id and not o.late_noted)
          as listen
        from unnest(
          ${sqlArray(items.map((item) => item.id))}::text[], ${sqlArray(items.map((item) => item.fence))}::int[],
          ${items.map((item) => item.imageDigest)}::text[], ${items.map((item) => JSON.stringify(item.envSnapshot))}::text[],
          ${items.map((item) => item.startedAt?.toISOString() ?? null)}::timestamptz[],
          ${items.map((item) => item.agoMs?.() ?? 0)}::float8[], ${items.map((item) => item.lateAfterMs)}::float8[]
        ) as i (id, fence, digest, env, started, ago, late_after)
      )
      update runs r set phase = 'running', image_digest = i.digest, env_snapshot = i.env::jsonb,
        attempt_started_at = coalesce(r.attempt_started_at, ${startTime}),
        started_at = coalesce(r.started_at, ${startTime}),
        late_noted = r.late_noted or (i.listen and ${lateness} > i.late_after)
      from input i where r.id = i.id and r.fence = i.fence and ${stillRunning}
      returning r.id, r.project_id, r.cronjob_id, i.listen and ${lateness} > i.late_after as late`.execute(trx)
    const late = rows.filter((row) => row.late)
    await noteRunEvents(
      trx,
      late.map((row) => ({
        runId: row.id,
        projectId: row.project_id,
        cronjobId: row.cronjob_id,
        event: 'late' as const,
      })),
    )
    const kept = new Set(rows.map((row) => row.id))
    return items.map((item) => kept.has(item.id))
  })
}

/** An engine's clock may be wrong: its time counts only between the due time and now. */
const startTime = sql`least(panda_now(),
  greatest(coalesce(i.started, panda_now() - i.ago * interval '1 millisecond'), r.due_at))`
const lateness = sql`extract(epoch from coalesce(r.started_at, ${startTime}) - r.due_at) * 1000`
