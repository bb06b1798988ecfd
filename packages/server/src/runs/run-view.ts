import type { Attempt, Run, RunOverrides } from '@pandastack/contract'
import { type RawBuilder, sql } from 'kysely'
import { formatLocalTime } from '../cronjobs/local-time.ts'
import type { AttemptsTable, RunRow } from '../store/schema.ts'
import type { Selectable } from 'kysely'

/** The columns of a run that people see, with the names that its ids stand for. */
export interface RunViewRow extends Omit<RunRow, 'env_snapshot' | 'overrides'> {
  readonly overrides: RunOverrides | null
  readonly project: string
  readonly cronjob: string
  readonly image: string | null
  readonly timezone: string
}
export type AttemptRow = Selectable<AttemptsTable>

/** @param page chooses rows of `runs`, at most a page of them; only those are joined with their names */
export function selectRuns(page: RawBuilder<unknown>): RawBuilder<RunViewRow> {
  return sql<RunViewRow>`
    select r.id, r.project_id, r.cronjob_id, r.revision, r.trigger, r.who, r.state, r.phase, r.reason, r.message, r.due_at,
      r.tick_note, r.available_at, r.held, r.attempt, r.max_attempts, r.lost_attempts, r.server_id, r.engine_id, r.fence,
      r.attempt_started_at, r.started_at, r.finished_at, r.exit_code, r.image_digest, r.overrides, r.replay_of,
      r.cancel_reason, r.cancel_by, r.late_noted, r.created_at,
      p.name as project, c.name as cronjob, v.spec ->> 'image' as image, coalesce(v.spec ->> 'timezone', c.timezone) as timezone
    from (${page}) r
    join projects p on p.id = r.project_id
    join cronjobs c on c.id = r.cronjob_id
    left join cronjob_revisions v on v.cronjob_id = r.cronjob_id and v.revision = r.revision
    order by r.id desc`
}

export function toRun(row: RunViewRow): Run {
  return {
    id: row.id,
    project: row.project,
    cronjob: row.cronjob,
    revision: row.revision,
    trigger: row.trigger,
    who: row.who,
    state: row.state,
    phase: row.phase,
    reason: row.reason,
    message: row.message,
    dueAt: row.due_at.toISOString(),
    dueLocal: formatLocalTime(row.due_at, row.timezone),
    tickNote: row.tick_note,
    startedAt: iso(row.started_at),
    finishedAt: iso(row.finished_at),
    latenessMs: span(row.due_at, row.started_at),
    durationMs: span(row.started_at, row.finished_at),
    exitCode: row.exit_code,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    lostAttempts: row.lost_attempts,
    image: row.image ?? '',
    imageDigest: row.image_digest,
    overrides: row.overrides ?? {},
    replayOf: row.replay_of,
    createdAt: row.created_at.toISOString(),
  }
}

/** The attempts that have ended, and the one that runs. */
export function toAttempts(run: RunViewRow, ended: readonly AttemptRow[]): Attempt[] {
  const attempts = ended.map((row): Attempt => ({
    number: row.number,
    outcome: row.outcome,
    reason: row.reason,
    message: row.message,
    exitCode: row.exit_code,
    imageDigest: row.image_digest,
    server: row.server_id,
    startedAt: iso(row.started_at),
    finishedAt: row.finished_at.toISOString(),
  }))
  if (run.state !== 'running') return attempts
  const live: Attempt = {
    number: run.attempt,
    outcome: null,
    reason: null,
    message: null,
    exitCode: null,
    imageDigest: run.image_digest,
    server: run.server_id,
    startedAt: iso(run.attempt_started_at),
    finishedAt: null,
  }
  return [...attempts, live]
}

function iso(time: Date | null): string | null {
  return time?.toISOString() ?? null
}

function span(from: Date | null, to: Date | null): number | null {
  return from === null || to === null ? null : to.getTime() - from.getTime()
}
