import { sql } from 'kysely'
import type { AlertEvent } from '@pandastack/contract'
import { noteRunEvents, type RunEvent } from '../alerts/note-run-events.ts'
import type { Queryable } from '../store/database.ts'
import type { NextDue, PlannedRun } from './plan-batch.ts'
import { sqlColumn } from '../store/sql-array.ts'

/** Who runs what is born `running`. */
export interface Owner {
  readonly serverId: string
  readonly engineId: string
}

/**
 * Inserts the runs; those of `running` are born so and belong to `owner`.
 *
 * @returns the ids that were new. A tick that has its row already is left alone: after the clock was set back, a changed
 *   schedule may name a time again that an earlier revision has had.
 */
export async function insertRuns(
  db: Queryable,
  runs: readonly PlannedRun[],
  running: ReadonlySet<string>,
  owner: Owner | null,
): Promise<ReadonlySet<string>> {
  const ids = runs.map((run) => run.id)
  if (ids.length === 0) return new Set()
  const column = (
    type: Parameters<typeof sqlColumn>[0],
    value: (run: PlannedRun) => string | number | boolean | null,
  ) => sqlColumn(type, runs.map(value))
  const result = await sql`
    insert into runs (id, project_id, cronjob_id, revision, trigger, state, phase, reason, message, due_at, tick_note,
      available_at, held, attempt, max_attempts, server_id, engine_id, fence, finished_at)
    select u.id, u.project_id, u.cronjob_id, u.revision, u.trigger, u.state,
      case when u.mine = 1 then 'preparing' end, u.reason, u.message, to_timestamp(u.due),
      u.note, to_timestamp(u.available), u.held, u.mine, u.max_attempts,
      case when u.mine = 1 then ${owner?.serverId ?? null} end, case when u.mine = 1 then ${owner?.engineId ?? null} end,
      u.mine, case when u.state in ('skipped', 'missed') then panda_now() end
    from unnest(
      ${column('text', (run) => run.id)}, ${column('text', (run) => run.cronjob.projectId)},
      ${column('text', (run) => run.cronjob.id)}, ${column('int', (run) => run.cronjob.revision)},
      ${column('text', (run) => run.birth.trigger)},
      ${column('text', (run) => (running.has(run.id) ? 'running' : run.birth.state))},
      ${column('text', (run) => run.birth.reason)}, ${column('text', (run) => run.birth.message)},
      ${column('float8', (run) => run.birth.dueAt / 1000)}, ${column('text', (run) => run.birth.note)},
      ${column('float8', (run) => run.birth.availableAt / 1000)}, ${column('bool', (run) => run.birth.held)},
      ${column('int', (run) => (running.has(run.id) ? 1 : 0))}, ${column('int', (run) => run.cronjob.maxAttempts)}
    ) as u (id, project_id, cronjob_id, revision, trigger, state, reason, message, due, note, available, held, mine,
      max_attempts)
    on conflict (cronjob_id, due_at) where trigger in ('schedule', 'catch-up') do nothing`.execute(db)
  if (result.numAffectedRows === BigInt(ids.length)) return new Set(ids)
  const { rows } = await sql<{ id: string }>`select id from runs where id = any (${ids}::text[])`.execute(db)
  return new Set(rows.map((row) => row.id))
}

export async function moveNextDue(db: Queryable, next: readonly NextDue[]): Promise<void> {
  await sql`
    update cronjobs c set next_due_at = to_timestamp(u.next), failing = c.failing or u.failing
    from unnest(
      ${sqlColumn(
        'text',
        next.map((entry) => entry.cronjobId),
      )},
      ${sqlColumn(
        'float8',
        next.map((entry) => (entry.nextDueAt === null ? null : entry.nextDueAt / 1000)),
      )},
      ${sqlColumn(
        'bool',
        next.map((entry) => entry.failing),
      )}
    ) as u (id, next, failing)
    where c.id = u.id`.execute(db)
}

/** What the alerts hear of ticks that did not start. A paused cronjob is silent: somebody wanted it so. */
export async function noteTickEvents(db: Queryable, runs: readonly PlannedRun[]): Promise<void> {
  const events: RunEvent[] = []
  for (const { id, cronjob, birth } of runs) {
    const event = eventOf(birth)
    if (event) events.push({ runId: id, projectId: cronjob.projectId, cronjobId: cronjob.id, event })
  }
  await noteRunEvents(db, events)
}

function eventOf(birth: PlannedRun['birth']): AlertEvent | null {
  if (birth.state === 'missed') return 'missed'
  return birth.state === 'skipped' && birth.reason !== 'paused' ? 'skipped' : null
}
