import { PandaError, type Run, type RunDetail, type RunState } from '@pandastack/contract'
import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import { idPage, type Page, pageRequest } from '../store/page.ts'
import { selectRuns, toAttempts, toRun } from './run-view.ts'

export interface RunListQuery {
  readonly limit: number
  readonly cursor?: string | undefined
  /** By name; of one that was deleted too. */
  readonly cronjob?: string | undefined
  readonly state?: RunState | undefined
  /** RFC 3339. Only runs recorded at this time or later. */
  readonly since?: string | undefined
}

/**
 * Runs of a project, the newest first. A page costs the same with a thousand runs stored and with a million: it follows
 * an index by id, and ids sort by time.
 *
 * @throws PandaError `not_found` for an unknown cronjob, `invalid_cursor`
 */
export async function listRuns(db: Queryable, projectId: string, query: RunListQuery): Promise<Page<Run>> {
  const page = pageRequest(query)
  const conditions: RawBuilder<unknown>[] = [sql`project_id = ${projectId}`]
  if (query.cronjob !== undefined) {
    conditions.push(sql`cronjob_id = ${await cronjobId(db, projectId, query.cronjob)}`)
  }
  if (query.state !== undefined) conditions.push(sql`state = ${query.state}`)
  if (query.since !== undefined) conditions.push(sql`id >= ${firstIdAt(new Date(query.since))}`)
  if (page.after !== null) conditions.push(sql`id < ${page.after}`)
  const { rows } = await selectRuns(
    sql`select * from runs where ${sql.join(conditions, sql` and `)} order by id desc limit ${page.limit + 1}`,
  ).execute(db)
  return idPage(rows, page, toRun)
}

/** @throws PandaError `not_found`, also for a run of another project */
export async function getRun(db: Queryable, projectId: string, id: string): Promise<RunDetail> {
  const { rows } = await selectRuns(sql`select * from runs where project_id = ${projectId} and id = ${id}`).execute(db)
  const row = rows[0]
  if (row === undefined) throw runNotFound(id)
  const ended = await db.selectFrom('attempts').selectAll().where('run_id', '=', row.id).orderBy('number').execute()
  return { ...toRun(row), attempts: toAttempts(row, ended) }
}

export function runNotFound(id: string): PandaError {
  return new PandaError('not_found', `There is no run "${id}" in this project.`, {
    hint: 'See the ids with: panda run list',
  })
}

async function cronjobId(db: Queryable, projectId: string, name: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    select id from cronjobs where project_id = ${projectId} and name = ${name}
    order by deleted_at desc nulls first limit 1`.execute(db)
  const row = rows[0]
  if (row === undefined) throw new PandaError('not_found', `There is no cronjob "${name}" in this project.`)
  return row.id
}

/** The smallest id that a run recorded at this time can have: the first 48 bits of a UUID version 7 are milliseconds. */
export function firstIdAt(time: Date): string {
  return `run_${Math.max(0, time.getTime()).toString(16).padStart(12, '0')}`
}
