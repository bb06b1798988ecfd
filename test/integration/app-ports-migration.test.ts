import { type Migration, Migrator, sql } from 'kysely'
import { expect, it } from 'vitest'
import type { AppDetail } from '../../packages/contract/src/index.ts'
import { openDatabase } from '../../packages/server/src/store/database.ts'
import { migrate } from '../../packages/server/src/store/migrate.ts'
import * as m0001 from '../../packages/server/src/store/migrations/0001-cronjobs.ts'
import * as m0002 from '../../packages/server/src/store/migrations/0002-alerts.ts'
import * as m0003 from '../../packages/server/src/store/migrations/0003-api.ts'
import * as m0004 from '../../packages/server/src/store/migrations/0004-run-indexes.ts'
import * as m0005 from '../../packages/server/src/store/migrations/0005-log-writers.ts'
import * as m0006 from '../../packages/server/src/store/migrations/0006-alert-queue.ts'
import * as m0007 from '../../packages/server/src/store/migrations/0007-apps.ts'
import * as m0008 from '../../packages/server/src/store/migrations/0008-app-troubles.ts'
import { freshDatabase } from '../support/postgres.ts'
import { startTestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

const BEFORE: Record<string, Migration> = {
  '0001-cronjobs': m0001,
  '0002-alerts': m0002,
  '0003-api': m0003,
  '0004-run-indexes': m0004,
  '0005-log-writers': m0005,
  '0006-alert-queue': m0006,
  '0007-apps': m0007,
  '0008-app-troubles': m0008,
}

/** As an older version has stored it. */
const SPEC = {
  image: 'your-org/api:1',
  entrypoint: null,
  command: ['forever'],
  env: {},
  memory: '512Mi',
  cpus: 1,
  pull: 'always',
  drain: '30s',
  ready: 'auto',
  readyTimeout: '2m',
}

it('an app of an older version publishes nothing, and can be given a port', async () => {
  const database = await freshDatabase()
  const db = openDatabase(database.url)
  try {
    const provider = { getMigrations: () => Promise.resolve(BEFORE) }
    const { error } = await new Migrator({ db, provider }).migrateToLatest()
    expect(error).toBeUndefined()
    await sql`insert into projects (id, name) values ('prj_old', 'default') on conflict do nothing`.execute(db)
    await sql`insert into apps (id, project_id, name, replicas, revision)
      select 'app_old', id, 'older', 1, 1 from projects where name = 'default'`.execute(db)
    await sql`insert into app_revisions (app_id, revision, spec, state)
      values ('app_old', 1, ${JSON.stringify(SPEC)}, 'deploying')`.execute(db)
    expect((await migrate(db))[0]).toBe('0009-app-ports')
    await using server = await startTestServer({ databaseUrl: database.url })
    const get = () => server.api.ok<AppDetail>('GET', '/v1/apps/older')
    expect((await get()).spec.port).toBeNull()
    await waitFor('the older app to be ready', async () => (await get()).readyRevision === 1, 60_000)
    await server.api.ok('POST', '/v1/apps/older/deploys', { port: '4500:3000' })
    await waitFor('the app with a port to be ready', async () => (await get()).readyRevision === 2, 60_000)
    expect((await get()).spec).toEqual({ ...SPEC, port: '127.0.0.1:4500:3000', probe: null })
  } finally {
    await db.destroy()
    await database.drop()
  }
})
