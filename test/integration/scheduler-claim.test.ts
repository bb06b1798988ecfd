import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CronjobSpecInput } from '@pandastack/contract'
import { sql } from 'kysely'
import {
  createCronjob,
  deleteCronjob,
  setSuspended,
  updateCronjob,
} from '../../packages/server/src/cronjobs/cronjobs.ts'
import { readRunRows } from '../../packages/server/src/executor/read-run-rows.ts'
import { claimDue, type ClaimOptions } from '../../packages/server/src/scheduler/claim-due.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { sqlColumn } from '../../packages/server/src/store/sql-array.ts'
import { cronjobSpec } from '../support/cronjob-spec.ts'
import { installDatabaseClock, setDatabaseClock } from '../support/database-clock.ts'
import { type MigratedDatabase, migratedDatabase } from '../support/migrated-database.ts'

const START = Date.parse('2026-06-01T11:30:00Z')
const NOON = Date.parse('2026-06-01T12:00:00Z')
const HOUR = 3_600_000
const me: ClaimOptions = { serverId: 'srv_1', engineId: 'engine_1', slots: 100 }

let database: MigratedDatabase

beforeEach(async () => {
  database = await migratedDatabase()
  await installDatabaseClock(database.db, START)
})

afterEach(async () => {
  await database[Symbol.asyncDispose]()
})

async function create(name: string, fields: Partial<CronjobSpecInput> = {}) {
  return createCronjob(database.db, database.projectId, { name, ...cronjobSpec(fields) })
}

async function runsOf(name: string) {
  return database.db
    .selectFrom('runs')
    .innerJoin('cronjobs', 'cronjobs.id', 'runs.cronjob_id')
    .selectAll('runs')
    .where('cronjobs.name', '=', name)
    .orderBy('runs.due_at')
    .orderBy('runs.id')
    .execute()
}

async function nextDueOf(name: string): Promise<string | undefined> {
  const row = await database.db.selectFrom('cronjobs').select('next_due_at').where('name', '=', name).executeTakeFirst()
  return row?.next_due_at?.toISOString()
}

async function claimAt(at: number, options: Partial<ClaimOptions> = {}) {
  await setDatabaseClock(database.db, at)
  return claimDue(database.db, { ...me, ...options })
}

async function endActiveRuns(): Promise<void> {
  await sql`update runs set state = 'succeeded' where state = 'running'`.execute(database.db)
}

describe('a column of an insert', () => {
  it.each([
    ['text', ['a', 'a', 'a']],
    ['text', ['a', null, 'b c', '']],
    ['text', [null, null]],
    ['text', ['NULL', 'NULL']],
    ['text', ['one']],
    ['text', []],
    ['bool', [true, true]],
    ['bool', [true, false]],
    ['int', [1, 2]],
    ['float8', [1780315200.5, 1780315200.5]],
  ] as const)('of %s holds %j', async (type, values) => {
    const { rows } = await sql<{ value: unknown }>`
      select u.value from unnest(${sqlColumn(type, values)}) as u (value)`.execute(database.db)
    expect(rows.map((row) => row.value)).toEqual(values)
  })
})

describe('a due tick', () => {
  it('becomes a run of this server, and the cronjob moves on', async () => {
    await create('digest')
    expect(await claimAt(NOON - 1)).toMatchObject({ ticks: 0, started: [], nextDueInMs: 1 })
    const result = await claimAt(NOON + 40)
    expect(result).toMatchObject({ ticks: 1, full: false, nextDueInMs: HOUR - 40, broken: [] })
    const [run] = await runsOf('digest')
    expect(run).toMatchObject({
      state: 'running',
      trigger: 'schedule',
      server_id: 'srv_1',
      engine_id: 'engine_1',
      attempt: 1,
      fence: 1,
      revision: 1,
      held: false,
      attempt_started_at: null,
      finished_at: null,
      due_at: new Date(NOON),
    })
    expect(result.started).toEqual([
      {
        id: run?.id,
        projectId: database.projectId,
        cronjobId: run?.cronjob_id,
        revision: 1,
        attempt: 1,
        fence: 1,
        trigger: 'schedule',
        dueAt: new Date(NOON),
      },
    ])
    expect(await nextDueOf('digest')).toBe('2026-06-01T13:00:00.000Z')
  })

  it('is queued when this server has no free slot, the longest due first', async () => {
    for (const name of ['a', 'b', 'c']) await create(name, { schedule: `${name === 'b' ? 0 : 1} * * * *` })
    const result = await claimAt(NOON + 70_000, { slots: 1 })
    expect(result).toMatchObject({ ticks: 3 })
    const states = await Promise.all(['a', 'b', 'c'].map(async (name) => (await runsOf(name))[0]?.state))
    expect(states).toEqual(['queued', 'running', 'queued'])
    expect(result.started).toHaveLength(1)
  })

  it('brings along what its executor would read, when all may start and the spec is small', async () => {
    await create('digest', { retry: { attempts: 3 }, env: { A: 'b' } })
    await create('other')
    const large = await create('large', { env: { TEXT: randomBytes(8000).toString('hex') } })
    await sql`insert into alerts (id, project_id, cronjob_id, name, events, channel_kind, channel_target, channel,
      late_after_ms, group_for_ms)
      select 'alt_' || n, project_id, case when n = 1 then id end, 'a' || n, '{late}', 'webhook', 'x', '', n * 1000, 0
      from cronjobs, generate_series(1, 2) n where name = 'digest'`.execute(database.db)
    const { started } = await claimAt(NOON, { batch: 100 })
    const asRead = started.map((run) => {
      const { born, ...rest } = run
      expect(born === undefined).toBe(run.cronjobId === large.id)
      return rest
    })
    const rows = await readRunRows(database.db, started)
    expect(rows).toEqual(await readRunRows(database.db, asRead))
    const lateAfter = Object.fromEntries([...rows.values()].map((row) => [row.cronjob, row.late_after_ms]))
    expect(lateAfter).toEqual({ digest: 1000, other: 2000, large: 2000 })
    const born = started.map((run) => [rows.get(run.id)?.cronjob, run.born?.maxAttempts])
    expect(Object.fromEntries(born)).toEqual({ digest: 3, other: 1, large: undefined })
  })

  it('waits for its jitter as scheduled, and carries its retries', async () => {
    await create('digest', { jitter: '30m', retry: { attempts: 4 } })
    expect((await claimAt(NOON)).started).toEqual([])
    const [run] = await runsOf('digest')
    expect(run).toMatchObject({ state: 'scheduled', server_id: null, attempt: 0, fence: 0, max_attempts: 4 })
    expect(run?.available_at.getTime()).toBeGreaterThan(NOON)
    expect(run?.available_at.getTime()).toBeLessThan(NOON + HOUR / 2)
  })

  it('has one row however many servers claim at once', async () => {
    for (let n = 0; n < 60; n++) await create(`job-${n}`)
    await setDatabaseClock(database.db, NOON)
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, n) => claimDue(database.db, { ...me, serverId: `srv_${n}`, batch: 7 })),
    )
    results.push(await claimDue(database.db, me))
    expect(results.reduce((sum, result) => sum + result.ticks, 0)).toBe(60)
    const { rows } = await sql<{ runs: number; cronjobs: number }>`
      select count(*) as runs, count(distinct cronjob_id) as cronjobs from runs`.execute(database.db)
    expect(rows[0]).toEqual({ runs: 60, cronjobs: 60 })
  })

  it('tells that more may be due when the batch was full', async () => {
    for (const name of ['a', 'b', 'c']) await create(name)
    expect(await claimAt(NOON, { batch: 2 })).toMatchObject({ ticks: 2, full: true })
    expect(await claimAt(NOON, { batch: 2 })).toMatchObject({ ticks: 1, full: false })
  })

  it('takes the newest first when asked to', async () => {
    await create('old', { schedule: '0 * * * *' })
    await create('new', { schedule: '1 * * * *' })
    await claimAt(NOON + 70_000, { batch: 1, order: 'newest' })
    expect([(await runsOf('old')).length, (await runsOf('new')).length]).toEqual([0, 1])
  })

  it('that has its row already is neither doubled nor started again', async () => {
    await create('digest')
    await claimAt(NOON)
    await database.db
      .updateTable('cronjobs')
      .set({ next_due_at: new Date(NOON) })
      .execute()
    expect(await claimAt(NOON + 1)).toMatchObject({ ticks: 0, started: [] })
    expect(await runsOf('digest')).toHaveLength(1)
    expect(await nextDueOf('digest')).toBe('2026-06-01T13:00:00.000Z')
  })
})

describe('after a downtime', () => {
  it('runs the newest missed tick once and records the others', async () => {
    await create('digest', { schedule: '*/10 * * * *' })
    const result = await claimAt(NOON + 5 * 60_000)
    const runs = await runsOf('digest')
    expect(runs.map((run) => `${run.due_at.toISOString().slice(11, 16)} ${run.state} ${run.trigger}`)).toEqual([
      '11:40 missed schedule',
      '11:50 missed schedule',
      '12:00 running catch-up',
    ])
    expect(runs[0]).toMatchObject({ reason: 'server-down', finished_at: new Date(NOON + 5 * 60_000) })
    expect(result.started.map((run) => run.trigger)).toEqual(['catch-up'])
    const { failing } = await database.db.selectFrom('cronjobs').select('failing').executeTakeFirstOrThrow()
    expect(failing).toBe(true)
  })

  it('works off a long backlog page by page without losing or doubling a tick', async () => {
    await create('busy', { schedule: '*/2 * * * * *', missed: 'all', missedLimit: 3, concurrency: 'allow' })
    const until = START + 2 * HOUR
    let ticks = 0
    let pages = 0
    for (let result = await claimAt(until); result.ticks > 0; result = await claimDue(database.db, me)) {
      expect(result.ticks).toBeLessThanOrEqual(1031)
      ticks += result.ticks
      pages++
    }
    expect(ticks).toBe(3600)
    expect(pages).toBeGreaterThan(2)
    const { rows } = await sql<{ trigger: string; state: string; count: number; distinct: number }>`
      select trigger, state, count(*), count(distinct due_at) as distinct from runs group by 1, 2 order by 1, 2
    `.execute(database.db)
    expect(rows).toEqual([
      { trigger: 'catch-up', state: 'running', count: 3, distinct: 3 },
      { trigger: 'schedule', state: 'missed', count: 3566, distinct: 3566 },
      { trigger: 'schedule', state: 'running', count: 31, distinct: 31 },
    ])
  })

  it('does not let a backlog keep others waiting', async () => {
    await create('backlog', { schedule: '* * * * * *' })
    await setDatabaseClock(database.db, NOON + 24 * HOUR)
    await create('fresh', { schedule: '1 * * * *' })
    await claimAt(NOON + 24 * HOUR + 60_000, { batch: 2 })
    expect(await runsOf('fresh')).toHaveLength(1)
  })
})

describe('concurrency policy', () => {
  it('forbid skips a tick while a run is active', async () => {
    await create('digest', { concurrency: 'forbid' })
    await claimAt(NOON)
    await claimAt(NOON + HOUR)
    await endActiveRuns()
    await claimAt(NOON + 2 * HOUR)
    expect((await runsOf('digest')).map((run) => run.reason ?? run.state)).toEqual(['succeeded', 'overlap', 'running'])
  })

  it('queue holds a tick behind the active run', async () => {
    await create('digest', { concurrency: 'queue' })
    await claimAt(NOON)
    expect(await claimAt(NOON + HOUR)).toMatchObject({ ticks: 1, started: [] })
    expect((await runsOf('digest'))[1]).toMatchObject({ state: 'queued', held: true })
  })

  it('replace asks for the end of the active run only', async () => {
    await create('digest', { concurrency: 'replace' })
    await claimAt(NOON)
    await claimAt(NOON + HOUR)
    const [first, second] = await runsOf('digest')
    expect(first).toMatchObject({ state: 'running', cancel_reason: 'replaced' })
    expect(second).toMatchObject({ state: 'queued', held: true, cancel_reason: null })
  })
})

describe('ticks that do not start', () => {
  async function listen(events: string[]): Promise<void> {
    await sql`insert into alerts (id, project_id, name, events, channel_kind, channel_target, channel, late_after_ms,
      group_for_ms) values (${newId('alt')}, ${database.projectId}, 'all', ${events}, 'webhook', 'x', '', 0, 0)
    `.execute(database.db)
  }

  it('are told to the alerts, but a pause is silent', async () => {
    await listen(['missed', 'skipped'])
    await create('digest', { schedule: '*/10 * * * *' })
    await create('overlap', { schedule: '5 12 * * *' })
    await create('paused', { schedule: '5 12 * * *' })
    await setSuspended(database.db, database.projectId, 'paused', true)
    await sql`insert into runs (id, project_id, cronjob_id, revision, trigger, state, due_at, available_at)
      select 'run_by_hand', project_id, id, 1, 'manual', 'running', now(), now() from cronjobs where name = 'overlap'
    `.execute(database.db)
    await claimAt(NOON + 5 * 60_000)
    const { rows } = await sql<{ name: string; event: string }>`
      select c.name, e.event from alert_events e join runs r on r.id = e.run_id join cronjobs c on c.id = r.cronjob_id
      order by 1, 2`.execute(database.db)
    expect(rows.map((row) => `${row.name} ${row.event}`)).toEqual(['digest missed', 'digest missed', 'overlap skipped'])
    expect((await runsOf('paused'))[0]).toMatchObject({ state: 'skipped', reason: 'paused' })
  })

  it('a deleted cronjob ticks no more', async () => {
    await create('digest')
    await deleteCronjob(database.db, database.projectId, 'digest')
    expect(await claimAt(NOON + 1)).toMatchObject({ ticks: 0, nextDueInMs: null, nextDueAt: null })
  })
})

describe('a stored schedule that cannot be read', () => {
  const damage = (schedule: string) =>
    database.db.updateTable('cronjobs').set({ schedule }).where('name', '=', 'broken').execute()

  it('is reported, stays due for servers that can read it, and stops nobody else', async () => {
    const broken = await create('broken')
    await create('fine')
    await damage('61 * * * *')
    const result = await claimAt(NOON)
    expect(result.broken).toMatchObject([{ cronjobId: broken.id, schedule: '61 * * * *' }])
    expect(result.ticks).toBe(1)
    expect(await runsOf('fine')).toHaveLength(1)
    const left = await claimAt(NOON + 1000, { except: [broken.id] })
    expect(left).toMatchObject({ ticks: 0, broken: [], nextDueInMs: HOUR - 1000 })
    await damage('0 * * * *') // as a newer server reads it
    expect(await claimAt(NOON + 2000)).toMatchObject({ ticks: 1, broken: [] })
    expect(await runsOf('broken')).toMatchObject([{ due_at: new Date(NOON), state: 'running' }])
  })

  it('can be changed to one that can be read', async () => {
    await create('broken')
    await damage('61 * * * *')
    await claimAt(NOON)
    await updateCronjob(database.db, database.projectId, 'broken', { schedule: '30 * * * *' })
    expect(await nextDueOf('broken')).toBe('2026-06-01T12:30:00.000Z')
  })

  it('an unknown zone likewise', async () => {
    await create('broken')
    await database.db.updateTable('cronjobs').set({ timezone: 'Mars/Olympus' }).execute()
    expect((await claimAt(NOON)).broken).toHaveLength(1)
    expect(await nextDueOf('broken')).toBe('2026-06-01T12:00:00.000Z')
  })
})
