import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cronjobSchema, type CronjobSpecInput, PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import {
  createCronjob,
  deleteCronjob,
  getCronjob,
  listCronjobs,
  setSuspended,
  updateCronjob,
} from '../../packages/server/src/cronjobs/cronjobs.ts'
import { startRun } from '../../packages/server/src/cronjobs/start-run.ts'
import { claimDue } from '../../packages/server/src/scheduler/claim-due.ts'
import { asDatabase } from '../../packages/server/src/store/nested-transaction.ts'
import { pageRequest } from '../../packages/server/src/store/page.ts'
import { cronjobSpec } from '../support/cronjob-spec.ts'
import { installDatabaseClock, setDatabaseClock } from '../support/database-clock.ts'
import { type MigratedDatabase, migratedDatabase } from '../support/migrated-database.ts'

const START = Date.parse('2026-06-01T11:30:00Z')
const NOON = Date.parse('2026-06-01T12:00:00Z')
const HOUR = 3_600_000

let database: MigratedDatabase
let count = 0

beforeAll(async () => {
  database = await migratedDatabase()
  await installDatabaseClock(database.db, START)
})

afterAll(async () => {
  await database[Symbol.asyncDispose]()
})

/** A cronjob of its own for each test; the clock is back at the start. */
async function create(fields: Partial<CronjobSpecInput> = {}) {
  await setDatabaseClock(database.db, START)
  count++
  return createCronjob(database.db, database.projectId, { name: `job-${count}`, ...cronjobSpec(fields) })
}

async function runsOf(cronjobId: string) {
  return database.db.selectFrom('runs').selectAll().where('cronjob_id', '=', cronjobId).orderBy('id').execute()
}

async function claim(at: number): Promise<void> {
  await setDatabaseClock(database.db, at)
  await claimDue(database.db, { serverId: 'srv_1', engineId: 'engine_1', slots: 100 })
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof PandaError) return error.code
    throw error
  }
  return 'no error'
}

const update = (name: string, patch: Parameters<typeof updateCronjob>[3], revision?: number) =>
  updateCronjob(database.db, database.projectId, name, patch, { revision })

describe('create', () => {
  it('answers with the whole cronjob, and its first tick is the next one', async () => {
    const cronjob = await create({ schedule: '*/5 * * * *', timezone: 'Europe/Berlin', env: { MAIL_API_KEY: 'xxx' } })
    expect(cronjobSchema.parse(cronjob)).toEqual(cronjob)
    expect(cronjob).toMatchObject({
      project: 'default',
      revision: 1,
      scheduleWords: 'Every 5 minutes',
      nextDueAt: '2026-06-01T11:35:00.000Z',
      lastRun: null,
      secrets: [],
      createdAt: '2026-06-01T11:30:00.000Z',
    })
    expect(cronjob.warnings.map((warning) => warning.code)).toEqual(['polling-schedule', 'secret-like-env'])
    expect(await getCronjob(database.db, database.projectId, cronjob.name)).toEqual(cronjob)
  })

  it('refuses a name that is taken, also inside a transaction of the caller', async () => {
    const { name } = await create()
    const again = { name, ...cronjobSpec() }
    expect(await codeOf(createCronjob(database.db, database.projectId, again))).toBe('conflict')
    const rows = await database.db.transaction().execute(async (trx) => {
      expect(await codeOf(createCronjob(asDatabase(trx), database.projectId, again))).toBe('conflict')
      return trx.selectFrom('cronjobs').select('id').where('name', '=', name).execute()
    })
    expect(rows).toHaveLength(1)
  })

  it.each([
    ['invalid_schedule', { schedule: '0 0 30 2 *' }],
    ['invalid_schedule', { schedule: 'every day' }],
    ['invalid_timezone', { timezone: 'Mars/Olympus' }],
  ])('refuses with %s: %j', async (code, fields) => {
    expect(await codeOf(create(fields))).toBe(code)
  })
})

describe('update', () => {
  it('writes a revision and begins a new schedule now, without firing old times', async () => {
    const { id, name } = await create()
    await setDatabaseClock(database.db, START + 10 * 60_000)
    const updated = await update(name, { schedule: '35 * * * *', image: 'alpine:3' })
    expect(updated).toMatchObject({ revision: 2, image: 'alpine:3', nextDueAt: '2026-06-01T12:35:00.000Z' })
    const revisions = await database.db
      .selectFrom('cronjob_revisions')
      .selectAll()
      .where('cronjob_id', '=', id)
      .orderBy('revision')
      .execute()
    expect(revisions.map(({ revision, spec }) => [revision, spec.schedule])).toEqual([
      [1, '0 * * * *'],
      [2, '35 * * * *'],
    ])
    expect(await runsOf(id)).toHaveLength(0)
  })

  it('records what was due before under the old policy', async () => {
    const { id, name } = await create()
    await setDatabaseClock(database.db, NOON + 20)
    await update(name, { schedule: '30 8 * * *' })
    expect(await runsOf(id)).toMatchObject([{ state: 'queued', revision: 1, due_at: new Date(NOON) }])
  })

  it('keeps the next due time when the schedule stays', async () => {
    const { name, nextDueAt } = await create()
    expect(await update(name, { memory: '1Gi' })).toMatchObject({ revision: 2, nextDueAt, memory: '1Gi' })
  })

  it('without a change writes nothing', async () => {
    const cronjob = await create({ env: { A: '1' } })
    expect(await update(cronjob.name, { env: { A: '1' }, image: cronjob.image })).toEqual(cronjob)
  })

  it('refuses another revision than the one that was read', async () => {
    const { name } = await create()
    await update(name, { cpus: 2 }, 1)
    expect(await codeOf(update(name, { cpus: 3 }, 1))).toBe('version_conflict')
    expect(await codeOf(update('nobody', { cpus: 3 }))).toBe('not_found')
    expect(await codeOf(update(name, { schedule: '99 * * * *' }))).toBe('invalid_schedule')
    expect(await getCronjob(database.db, database.projectId, name)).toMatchObject({ revision: 2, cpus: 2 })
  })

  it('asks for patience while a long backlog is worked off', async () => {
    const { name } = await create({ schedule: '* * * * * *' })
    await setDatabaseClock(database.db, START + 24 * HOUR)
    expect(await codeOf(update(name, { schedule: '0 * * * *' }))).toBe('too_many_requests')
    await setDatabaseClock(database.db, START)
    await deleteCronjob(database.db, database.projectId, name)
  })
})

describe('pause and resume', () => {
  it('skip the ticks between, and start with the next one', async () => {
    const { id, name } = await create()
    const paused = await setSuspended(database.db, database.projectId, name, true)
    expect(paused).toMatchObject({ suspended: true, nextDueAt: null, revision: 1 })
    await claim(NOON)
    await setDatabaseClock(database.db, NOON + HOUR + 1)
    const resumed = await setSuspended(database.db, database.projectId, name, false)
    expect(resumed).toMatchObject({ suspended: false, nextDueAt: '2026-06-01T14:00:00.000Z', revision: 1 })
    await claim(NOON + 2 * HOUR)
    expect((await runsOf(id)).map((run) => run.reason ?? run.state)).toEqual(['paused', 'paused', 'running'])
  })
})

describe('delete', () => {
  it('records what was due, cancels what is active, frees the name, forgets the secrets and alerts', async () => {
    const { id, name } = await create({ concurrency: 'queue' })
    await sql`insert into secrets (id, project_id, cronjob_id, kind, name, ciphertext, fingerprint)
      values (${`sec_${name}`}, ${database.projectId}, ${id}, 'env', 'KEY', '', '')`.execute(database.db)
    await sql`insert into alerts (id, project_id, cronjob_id, name, events, channel_kind, channel_target, channel, late_after_ms, group_for_ms)
      values ('alt_own', ${database.projectId}, ${id}, 'own', '{failed}', 'slack', 'x', '', 0, 0),
        ('alt_all', ${database.projectId}, null, 'all', '{failed}', 'slack', 'x', '', 0, 0)`.execute(database.db)
    expect((await getCronjob(database.db, database.projectId, name)).secrets).toEqual(['KEY'])
    await claim(NOON)
    await setDatabaseClock(database.db, NOON + HOUR)
    await deleteCronjob(database.db, database.projectId, name)
    expect(await runsOf(id)).toMatchObject([
      { state: 'running', cancel_reason: 'deleted' },
      { state: 'queued', held: true, cancel_reason: 'deleted', due_at: new Date(NOON + HOUR) },
    ])
    expect(await codeOf(getCronjob(database.db, database.projectId, name))).toBe('not_found')
    expect(await codeOf(deleteCronjob(database.db, database.projectId, name))).toBe('not_found')
    const again = await createCronjob(database.db, database.projectId, { name, ...cronjobSpec() })
    expect(again).toMatchObject({ revision: 1, secrets: [] })
    expect(await database.db.selectFrom('alerts').select('id').execute()).toEqual([{ id: 'alt_all' }])
  })
})

describe('start by hand', () => {
  const start = (name: string, request: Partial<Parameters<typeof startRun>[3]> = {}) =>
    startRun(database.db, database.projectId, name, { who: 'ada', ...request })

  it('queues a run with who asked for it and what it changes', async () => {
    const { id, name } = await create({ retry: { attempts: 3 }, suspended: true })
    const run = await start(name, { overrides: { command: ['echo', 'hi'] } })
    expect(await runsOf(id)).toMatchObject([
      {
        id: run,
        trigger: 'manual',
        state: 'queued',
        who: 'ada',
        held: false,
        max_attempts: 3,
        overrides: { command: ['echo', 'hi'] },
        due_at: new Date(START),
      },
    ])
    expect(await getCronjob(database.db, database.projectId, name)).toMatchObject({ lastRun: { id: run } })
  })

  it('obeys the concurrency policy, or the one given for this run', async () => {
    const { id, name } = await create({ concurrency: 'forbid' })
    await start(name)
    expect(await codeOf(start(name))).toBe('run_active')
    await start(name, { concurrency: 'allow' })
    await start(name, { concurrency: 'queue' })
    expect((await runsOf(id)).map((run) => run.held)).toEqual([false, false, true])
    await start(name, { concurrency: 'replace' })
    expect((await runsOf(id)).map((run) => run.cancel_reason)).toEqual(['replaced', 'replaced', 'replaced', null])
  })

  it('refuses when a hundred are waiting', async () => {
    const { name } = await create({ concurrency: 'queue' })
    for (let n = 0; n <= 100; n++) await start(name)
    expect(await codeOf(start(name))).toBe('too_many_requests')
  })

  it('of two at once under forbid only one starts', async () => {
    const { name } = await create({ concurrency: 'forbid' })
    const codes = await Promise.all([start(name), start(name), start(name)].map(codeOf))
    expect(codes.sort()).toEqual(['no error', 'run_active', 'run_active'])
  })

  it('refuses an unknown cronjob', async () => {
    expect(await codeOf(start('nobody'))).toBe('not_found')
  })
})

describe('list', () => {
  it('pages by name, only of its project, without the deleted ones', async () => {
    const other = await migratedDatabase()
    try {
      const names = ['delta', 'alpha', 'charlie', 'bravo', 'gone']
      for (const name of names) await createCronjob(other.db, other.projectId, { name, ...cronjobSpec() })
      await deleteCronjob(other.db, other.projectId, 'gone')
      const first = await listCronjobs(other.db, other.projectId, pageRequest({ limit: 3 }))
      expect(first.items.map((cronjob) => cronjob.name)).toEqual(['alpha', 'bravo', 'charlie'])
      const rest = await listCronjobs(
        other.db,
        other.projectId,
        pageRequest({ limit: 3, cursor: first.nextCursor ?? '' }),
      )
      expect(rest).toMatchObject({ items: [{ name: 'delta' }], nextCursor: null })
      expect((await listCronjobs(other.db, 'prj_other', pageRequest({ limit: 3 }))).items).toEqual([])
    } finally {
      await other[Symbol.asyncDispose]()
    }
  })

  it('gives the warning from the history with the single cronjob', async () => {
    const { id, name } = await create({ schedule: '* * * * *' })
    await sql`insert into runs (id, project_id, cronjob_id, revision, trigger, state, due_at, available_at, started_at,
        finished_at)
      select 'run_' || n || ${id}, ${database.projectId}, ${id}, 1, 'schedule', 'succeeded', t, t, t, t + interval '1 s'
      from (select n, timestamptz '2026-05-01 00:00Z' + n * interval '1 minute' as t from generate_series(1, 30) n) x
    `.execute(database.db)
    const { warnings } = await getCronjob(database.db, database.projectId, name)
    expect(warnings.map((warning) => warning.code)).toEqual(['polling-schedule', 'polling-history'])
  })
})
