import type { ProjectDatabase } from '@pandastack/contract'
import type { Database } from '../store/database.ts'
import { backendsIn } from './backend-variables.ts'
import type { ProjectDatabases } from './project-databases.ts'

/** Which of the variables that name a store are set in the project, as variable or as secret. */
export async function backendsOfProject(db: Database, projectId: string): Promise<string[]> {
  const [variables, secrets] = await Promise.all([
    db.selectFrom('env_variables').select('name').where('project_id', '=', projectId).execute(),
    db
      .selectFrom('secrets')
      .select('name')
      .where('project_id', '=', projectId)
      .where('kind', '=', 'env')
      .where('cronjob_id', 'is', null)
      .execute(),
  ])
  return backendsIn(Object.fromEntries([...variables, ...secrets].map(({ name }) => [name, ''])))
}

/** What the platform gives a project, and why not. Makes nothing. */
export async function viewDatabase(
  db: Database,
  databases: Pick<ProjectDatabases, 'unavailable' | 'unreachable'>,
  projectId: string,
): Promise<ProjectDatabase> {
  const [own, row] = await Promise.all([
    backendsOfProject(db, projectId),
    db
      .selectFrom('project_databases')
      .select('role')
      .where('project_id', '=', projectId)
      .where('ready_at', 'is not', null)
      .executeTakeFirst(),
  ])
  const database = row?.role ?? null
  const view = (state: ProjectDatabase['state'], message: string): ProjectDatabase => ({ state, database, message })
  if (own.length > 0) return view('not-needed', `Not given: the project sets ${own.join(', ')}.`)
  const why = databases.unavailable ?? databases.unreachable(projectId)
  if (why !== null) return view('unavailable', `No DATABASE_URL is given by the platform: ${why}.`)
  if (database === null) {
    return view('on-first-need', 'Given from the first start of an app or cronjob on, which makes the database.')
  }
  return view('given', 'Given by the platform: a database of the project alone.')
}
