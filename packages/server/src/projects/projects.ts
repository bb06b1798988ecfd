import { deleteEndedApps, unendedApp } from '../apps/prune-instances.ts'
import { DEFAULT_PROJECT, PandaError, type Project } from '@pandastack/contract'
import type { Selectable } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { keyPage, type Page, type PageRequest } from '../store/page.ts'
import type { ProjectsTable } from '../store/schema.ts'
import { deleteRuns } from '../runs/retention.ts'
import { isUniqueViolation } from '../store/database-errors.ts'

/** @throws PandaError `conflict` */
export async function createProject(db: Queryable, name: string): Promise<Project> {
  try {
    const row = await db
      .insertInto('projects')
      .values({ id: newId('prj'), name })
      .returningAll()
      .executeTakeFirstOrThrow()
    return projectOf(row)
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw new PandaError('conflict', `The project ${name} already exists.`, {
      hint: `Use it with --project ${name}, or choose another name.`,
    })
  }
}

/** @param projectId a token's own project; null = all */
export async function listProjects(db: Queryable, projectId: string | null, page: PageRequest): Promise<Page<Project>> {
  const rows = await db
    .selectFrom('projects')
    .selectAll()
    .$if(projectId !== null, (query) => query.where('id', '=', projectId ?? ''))
    .$if(page.after !== null, (query) => query.where('name', '>', page.after ?? ''))
    .orderBy('name')
    .limit(page.limit + 1)
    .execute()
  return keyPage(rows, page, (row) => row.name, projectOf)
}

export async function findProject(db: Queryable, name: string): Promise<Project | undefined> {
  const row = await db.selectFrom('projects').selectAll().where('name', '=', name).executeTakeFirst()
  return row && projectOf(row)
}

/**
 * Removes an empty project with its history, settings, tokens and alerts. The history goes first, in bounded
 * transactions: cut short, the call leaves the project with less of it and can be repeated.
 *
 * @throws PandaError `project_not_found`; `conflict` while it has cronjobs, active runs or apps, or is the default project
 */
export async function deleteProject(db: Database, name: string): Promise<void> {
  if (name === DEFAULT_PROJECT) {
    throw new PandaError('conflict', 'The default project cannot be deleted.', { hint: 'Delete its cronjobs instead.' })
  }
  const inEmptyProject = <T>(work: (tx: Queryable, projectId: string) => Promise<T>): Promise<T> =>
    db.transaction().execute(async (tx) => {
      const { id } = await lockProject(tx, name)
      await assertEmpty(tx, id, name)
      return work(tx, id)
    })
  while ((await inEmptyProject(deleteSomeRuns)) === BATCH);
  await inEmptyProject(async (tx, projectId) => {
    while ((await deleteSomeRuns(tx, projectId)) > 0);
    const cronjobs = tx.selectFrom('cronjobs').select('id').where('project_id', '=', projectId)
    await tx.deleteFrom('cronjob_revisions').where('cronjob_id', 'in', cronjobs).execute()
    await tx.deleteFrom('cronjobs').where('project_id', '=', projectId).execute()
    await deleteEndedApps(tx, projectId)
    await tx.deleteFrom('projects').where('id', '=', projectId).execute()
  })
}

/** Runs deleted by one transaction: their logs may be many rows. */
const BATCH = 200

async function deleteSomeRuns(tx: Queryable, projectId: string): Promise<number> {
  const runs = await tx.selectFrom('runs').select('id').where('project_id', '=', projectId).limit(BATCH).execute()
  const ids = runs.map((run) => run.id)
  await deleteRuns(tx, ids)
  return ids.length
}

async function lockProject(tx: Queryable, name: string): Promise<{ id: string }> {
  const project = await tx.selectFrom('projects').select('id').where('name', '=', name).forUpdate().executeTakeFirst()
  if (!project) throw unknownProject(name)
  return project
}

async function assertEmpty(tx: Queryable, projectId: string, name: string): Promise<void> {
  const cronjobs = await tx
    .selectFrom('cronjobs')
    .select('name')
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .limit(4)
    .execute()
  if (cronjobs.length > 0) {
    const names = cronjobs.slice(0, 3).map((row) => row.name)
    throw new PandaError(
      'conflict',
      `The project ${name} still has cronjobs: ${names.join(', ')}${cronjobs.length > 3 ? ', …' : ''}.`,
      { hint: `Delete them first: panda cronjob delete ${names[0]} --project ${name}` },
    )
  }
  const active = await tx
    .selectFrom('runs')
    .select('id')
    .where('project_id', '=', projectId)
    .where('state', 'in', ['scheduled', 'queued', 'running', 'retrying'])
    .limit(1)
    .executeTakeFirst()
  if (active) {
    throw new PandaError('conflict', `The project ${name} still has active runs, e.g. ${active.id}.`, {
      hint: 'Wait for them, or cancel them with `panda run cancel`.',
    })
  }
  const app = await unendedApp(tx, projectId)
  if (app?.deleted) {
    throw new PandaError(
      'conflict',
      `Instances of the deleted app ${app.name} of project ${name} have not ended yet.`,
      {
        hint: 'Wait until they are drained.',
      },
    )
  }
  if (app) {
    throw new PandaError('conflict', `The project ${name} still has apps, e.g. ${app.name}.`, {
      hint: `Delete them first: panda app delete ${app.name} --project ${name}`,
    })
  }
}

export function unknownProject(name: string): PandaError {
  return new PandaError('project_not_found', `There is no project ${name}.`)
}

function projectOf(row: Selectable<ProjectsTable>): Project {
  return { id: row.id, name: row.name, createdAt: row.created_at.toISOString() }
}
