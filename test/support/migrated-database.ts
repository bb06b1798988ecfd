import { type Database, openDatabase } from '../../packages/server/src/store/database.ts'
import { migrate } from '../../packages/server/src/store/migrate.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { freshDatabase } from './postgres.ts'

export interface MigratedDatabase extends AsyncDisposable {
  readonly url: string
  readonly db: Database
  /** The id of the project `default`. */
  readonly projectId: string
}

/** A database of this version's schema with one project, copied from a template that is migrated once per run. */
export async function migratedDatabase(): Promise<MigratedDatabase> {
  const fresh = await freshDatabase({ template: { key: 'migrated', prepare } })
  const db = openDatabase(fresh.url, { poolSize: 5 })
  const projectId = newId('prj')
  await db
    .insertInto('projects')
    .values({ id: projectId, name: 'default' })
    .onConflict((on) => on.doNothing())
    .execute()
  const project = await db.selectFrom('projects').select('id').where('name', '=', 'default').executeTakeFirstOrThrow()
  return {
    url: fresh.url,
    db,
    projectId: project.id,
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await fresh.drop()
    },
  }
}

async function prepare(url: string): Promise<void> {
  const db = openDatabase(url)
  try {
    await migrate(db)
  } finally {
    await db.destroy()
  }
}
