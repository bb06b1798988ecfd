import { type Cronjob, PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import { keyPage, type Page, type PageRequest } from '../store/page.ts'
import { selectCronjobs, toCronjob } from './cronjob-view.ts'
import { pollingHistoryWarning, readPastRuns } from './polling.ts'

export function cronjobNotFound(name: string): PandaError {
  return new PandaError('not_found', `There is no cronjob "${name}" in this project.`)
}

/**
 * One cronjob, with the warnings that need its history.
 *
 * @throws PandaError `not_found`
 */
export async function getCronjob(db: Queryable, projectId: string, name: string): Promise<Cronjob> {
  const { rows } = await selectCronjobs(sql`c.project_id = ${projectId} and c.name = ${name}`).execute(db)
  const row = rows[0]
  if (!row) throw cronjobNotFound(name)
  const cronjob = toCronjob(row)
  const history = pollingHistoryWarning(await readPastRuns(db, row.id))
  return history ? { ...cronjob, warnings: [...cronjob.warnings, history] } : cronjob
}

/** By name. */
export async function listCronjobs(db: Queryable, projectId: string, page: PageRequest): Promise<Page<Cronjob>> {
  const after = page.after === null ? sql`true` : sql`c.name > ${page.after}`
  const { rows } = await selectCronjobs(
    sql`c.project_id = ${projectId} and ${after} order by c.name limit ${page.limit + 1}`,
  ).execute(db)
  return keyPage(rows, page, (row) => row.name, toCronjob)
}
