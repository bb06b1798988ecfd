import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../packages/server/src/clock.ts'
import { ProjectQueues } from '../../packages/server/src/queues/project-queues.ts'
import { SecretBox } from '../../packages/server/src/settings/secret-box.ts'
import { type MigratedDatabase, migratedDatabase } from '../support/migrated-database.ts'
import { waitFor } from '../support/wait-for.ts'

/** Whose connection is whose is told by `application_name`, which is in the URL. */

let database: MigratedDatabase
let queues: ProjectQueues
let failures: unknown[]

beforeEach(async () => {
  database = await migratedDatabase()
  failures = []
  queues = new ProjectQueues({
    db: database.db,
    box: new SecretBox(new Uint8Array(32)),
    clock: systemClock,
    onError: (error) => failures.push(error),
  })
  await queues.start()
})
afterEach(async () => {
  await queues.stop()
  await database[Symbol.asyncDispose]()
  expect(failures).toEqual([])
})

async function setUrl(name: string): Promise<void> {
  const url = new URL(database.url)
  url.searchParams.set('application_name', name)
  await sql`insert into env_variables (project_id, name, value) values (${database.projectId}, 'DATABASE_URL', ${url.href})
    on conflict (project_id, name) do update set value = excluded.value`.execute(database.db)
}

/** Names of those that hold connections now. */
async function connected(): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select distinct application_name as name from pg_stat_activity
    where datname = current_database() and application_name in ('first', 'second') order by 1`.execute(database.db)
  return rows.map(({ name }) => name)
}

const use = () => queues.use(database.projectId, (admin) => admin.add('q', {}, {}).then(() => admin))

describe('a project whose URL changes', () => {
  it('keeps the old connection for the call that is under way, and closes it then', async () => {
    await setUrl('first')
    let goOn = (): void => {}
    const held = new Promise<void>((resolve) => (goOn = resolve))
    let begun = (): void => {}
    const beginning = new Promise<void>((resolve) => (begun = resolve))
    const slow = queues.use(database.projectId, async (admin) => {
      await admin.add('q', {}, {})
      begun()
      await held
      return admin.list()
    })
    await beginning
    await setUrl('second')
    await use()
    expect(await connected()).toEqual(['first', 'second'])
    goOn()
    expect(await slow).toMatchObject([{ name: 'q', counts: { queued: 2 } }])
    await waitFor('the old connection to be closed', async () => (await connected()).join() === 'second')
  })

  it('gets one new connection, however many calls see the change at once', async () => {
    await setUrl('first')
    await use()
    await setUrl('second')
    const admins = await Promise.all([1, 2, 3, 4].map(use))
    expect(new Set(admins).size).toBe(1)
    await waitFor('the old connection to be closed', async () => (await connected()).join() === 'second')
  })
})

describe('the stop', () => {
  it('leaves no connection, also none of a call that never ends', async () => {
    await setUrl('first')
    let begun = (): void => {}
    const beginning = new Promise<void>((resolve) => (begun = resolve))
    let goOn = (): void => {}
    const slow = queues.use(database.projectId, async (admin) => {
      await admin.list()
      begun()
      await new Promise<void>((resolve) => (goOn = resolve))
      return admin.list()
    })
    const outcome = slow.catch((error: unknown) => error)
    await beginning
    await setUrl('second')
    await use()
    await queues.stop()
    await waitFor('no connections', async () => (await connected()).length === 0)
    await expect(use()).rejects.toMatchObject({ code: 'queue_store_away' })
    goOn()
    expect(await outcome).toMatchObject({ code: 'queue_store_away' })
    expect(await connected()).toEqual([])
  })
})
