import { type Migration, type MigrationProvider, Migrator } from 'kysely'
import type { Database } from './database.ts'
import * as m0001 from './migrations/0001-cronjobs.ts'
import * as m0002 from './migrations/0002-alerts.ts'
import * as m0003 from './migrations/0003-api.ts'
import * as m0004 from './migrations/0004-run-indexes.ts'
import * as m0005 from './migrations/0005-log-writers.ts'
import * as m0006 from './migrations/0006-alert-queue.ts'
import * as m0007 from './migrations/0007-apps.ts'
import * as m0008 from './migrations/0008-app-troubles.ts'
import * as m0009 from './migrations/0009-app-ports.ts'
import * as m0010 from './migrations/0010-project-databases.ts'
import * as m0011 from './migrations/0011-app-workers.ts'

/** Numbered, never edited after a release. Kysely's migrator takes a lock, so several servers may start at once. */
const MIGRATIONS: Record<string, Migration> = {
  '0001-cronjobs': m0001,
  '0002-alerts': m0002,
  '0003-api': m0003,
  '0004-run-indexes': m0004,
  '0005-log-writers': m0005,
  '0006-alert-queue': m0006,
  '0007-apps': m0007,
  '0008-app-troubles': m0008,
  '0009-app-ports': m0009,
  '0010-project-databases': m0010,
  '0011-app-workers': m0011,
}

const provider: MigrationProvider = { getMigrations: () => Promise.resolve(MIGRATIONS) }

/**
 * Brings the schema to this version.
 *
 * @throws the first migration's error; what was done before it stays done.
 */
export async function migrate(db: Database): Promise<readonly string[]> {
  const { error, results } = await new Migrator({ db, provider }).migrateToLatest()
  if (error !== undefined) throw error instanceof Error ? error : new Error('a migration failed', { cause: error })
  return (results ?? []).filter((result) => result.status === 'Success').map((result) => result.migrationName)
}
