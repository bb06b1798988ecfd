import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CronjobSpecInput } from '@pandastack/contract'
import { sql } from 'kysely'
import { type Clock, systemClock } from '../../packages/server/src/clock.ts'
import { createCronjob, updateCronjob } from '../../packages/server/src/cronjobs/cronjobs.ts'
import type { ClaimedRun } from '../../packages/server/src/runs/claimed-run.ts'
import { Scheduler, type SchedulerDeps } from '../../packages/server/src/scheduler/scheduler.ts'
import { openDatabase } from '../../packages/server/src/store/database.ts'
import { type Listener, openListener } from '../../packages/server/src/store/listen.ts'
import { cronjobSpec } from '../support/cronjob-spec.ts'
import { installDatabaseClock, setDatabaseClock } from '../support/database-clock.ts'
import { type MigratedDatabase, migratedDatabase } from '../support/migrated-database.ts'
import { waitFor } from '../support/wait-for.ts'
import { FaultyPool, faultyDatabase } from './simulation/faulty-pool.ts'

const EVERY_SECOND = { schedule: '* * * * * *', concurrency: 'allow' } as const
const HOUR = 3_600_000
const NOON = Date.parse('2026-06-01T12:00:00Z')

/** Remembers what it was given, with the process's time. */
class Recorder {
  readonly taken: { run: ClaimedRun; at: number }[] = []
  slots = 10_000
  reserved = 0
  reserve(wanted: number): { slots: number; release(): void } {
    let slots = Math.min(wanted, this.slots - this.taken.length - this.reserved)
    this.reserved += slots
    const release = (): void => {
      this.reserved -= slots
      slots = 0
    }
    return { slots, release }
  }
  take(runs: readonly ClaimedRun[]): void {
    for (const run of runs) this.taken.push({ run, at: Date.now() })
  }
}

let database: MigratedDatabase
let listener: Listener
let schedulers: Scheduler[] = []

beforeEach(async () => {
  database = await migratedDatabase()
  listener = await openListener(database.url, (error) => {
    throw error
  })
})

afterEach(async () => {
  await Promise.all(schedulers.map((scheduler) => scheduler.stop()))
  schedulers = []
  await listener.close()
  await database[Symbol.asyncDispose]()
})

function build(executor: Recorder, deps: Partial<SchedulerDeps> = {}) {
  const lines: string[] = []
  const write = (_: unknown, text?: string): void => void lines.push(text ?? String(_))
  const scheduler = new Scheduler({
    db: database.db,
    listener,
    clock: systemClock,
    log: { info: write, warn: write, error: write } as SchedulerDeps['log'],
    serverId: 'srv_1',
    engineId: 'engine_1',
    executor,
    ...deps,
  })
  schedulers.push(scheduler)
  return { scheduler, lines }
}

function create(name: string, fields: Partial<CronjobSpecInput> = {}) {
  return createCronjob(database.db, database.projectId, { name, ...cronjobSpec(fields) })
}

async function countRuns(): Promise<{ rows: number; distinct: number }> {
  const { rows } = await sql<{ rows: number; distinct: number }>`
    select count(*) as rows, count(distinct (cronjob_id, due_at)) as distinct from runs`.execute(database.db)
  return rows[0] ?? { rows: 0, distinct: 0 }
}

describe('the scheduler', () => {
  it('sleeps until the next tick, and hands none over before its time', async () => {
    await create('pulse', EVERY_SECOND)
    const executor = new Recorder()
    const sleeps: number[] = []
    const clock: Clock = {
      now: () => Date.now(),
      sleep: (ms, signal) => {
        sleeps.push(ms)
        return systemClock.sleep(ms, signal)
      },
    }
    const { scheduler } = build(executor, { clock })
    expect(scheduler.up).toBe(false)
    await scheduler.start()
    await waitFor('three ticks', () => executor.taken.length >= 3)
    expect(scheduler.up).toBe(true)
    expect(scheduler.nextDueAt?.getTime()).toBeGreaterThan(Date.now() - 1000)
    // It sleeps until the next tick and no longer, however loaded this machine is.
    expect(Math.max(...sleeps)).toBeLessThanOrEqual(1000)
    for (const { run, at } of executor.taken) expect(at).toBeGreaterThanOrEqual(run.dueAt.getTime())
    const dues = executor.taken.map(({ run }) => run.dueAt.getTime())
    expect(dues).toEqual(dues.map((_, n) => (dues[0] ?? 0) + n * 1000))
  })

  it('is woken by a cronjob that is due before its sleep would end', async () => {
    const executor = new Recorder()
    const { scheduler } = build(executor, {
      // Only a wake-up ends this sleep.
      clock: {
        now: () => Date.now(),
        sleep: (_, signal) => new Promise((end) => signal?.addEventListener('abort', () => end())),
      },
    })
    await scheduler.start()
    await waitFor('the first pass', () => scheduler.up)
    await installDatabaseClock(database.db, NOON - 1)
    const { name } = await create('digest')
    await waitFor('the new time', () => scheduler.nextDueAt?.getTime() === NOON)
    await setDatabaseClock(database.db, NOON)
    await updateCronjob(database.db, database.projectId, name, { schedule: '30 * * * *' })
    await waitFor('the changed time', () => scheduler.nextDueAt?.getTime() === NOON + 30 * 60_000)
  })

  it('takes all of a burst with several lanes, each tick once, within its free slots', async () => {
    await installDatabaseClock(database.db, NOON - 1000)
    for (let n = 0; n < 50; n++) await create(`job-${n}`)
    await setDatabaseClock(database.db, NOON)
    const executor = new Recorder()
    executor.slots = 20
    const { scheduler } = build(executor, { batch: 7, lanes: 3 })
    await scheduler.start()
    await waitFor('the pass', () => scheduler.up)
    expect(await countRuns()).toEqual({ rows: 50, distinct: 50 })
    const running = await database.db.selectFrom('runs').select('id').where('state', '=', 'running').execute()
    expect(new Set(executor.taken.map(({ run }) => run.id))).toEqual(new Set(running.map((run) => run.id)))
    // Slots that one lane holds while it claims are not there for another; what is queued by that is the dispatcher's.
    expect(running.length).toBeLessThanOrEqual(20)
    expect(running.length).toBeGreaterThanOrEqual(7)
  })

  it('keeps the slots of a claim under way from those who claim waiting runs', async () => {
    await installDatabaseClock(database.db, NOON - 1000)
    for (let n = 0; n < 8; n++) await create(`job-${n}`)
    await setDatabaseClock(database.db, NOON)
    const executor = new Recorder()
    executor.slots = 5
    const pool = new FaultyPool(database.url)
    const free: number[] = []
    pool.fault = (query) => {
      if (query.includes('insert into runs')) {
        const others = executor.reserve(5)
        free.push(others.slots)
        others.release()
      }
      return null
    }
    const { scheduler } = build(executor, { db: faultyDatabase(pool) })
    await scheduler.start()
    await waitFor('the pass', () => scheduler.up)
    expect(free).toEqual([0])
    expect(executor.taken).toHaveLength(5)
    expect(executor.reserved).toBe(0)
    await scheduler.stop()
    await pool.end()
  })

  it('several of them share the ticks without losing or doubling one', async () => {
    for (let n = 0; n < 30; n++) await create(`job-${n}`, EVERY_SECOND)
    const executors = [new Recorder(), new Recorder(), new Recorder()]
    for (const [n, executor] of executors.entries()) {
      await build(executor, { serverId: `srv_${n}`, batch: 4 }).scheduler.start()
    }
    await waitFor('300 ticks', () => executors.reduce((sum, { taken }) => sum + taken.length, 0) >= 300, 20_000)
    await Promise.all(schedulers.map((scheduler) => scheduler.stop()))
    const taken = executors.flatMap((executor) =>
      executor.taken.map(({ run }) => `${run.cronjobId} ${run.dueAt.getTime()}`),
    )
    expect(new Set(taken).size).toBe(taken.length)
    // On a slow machine a claim may find two ticks of a cronjob: what is more than its slots waits, and has its row too.
    const waiting = await sql<{ n: number }>`select count(*)::int as n from runs where state = 'queued'`.execute(
      database.db,
    )
    const rows = taken.length + (waiting.rows[0]?.n ?? 0)
    expect(await countRuns()).toEqual({ rows, distinct: rows })
  })

  it('leaves a schedule that it cannot read to others, without trying it again at once', async () => {
    await installDatabaseClock(database.db, NOON - 1)
    await create('broken')
    await database.db.updateTable('cronjobs').set({ schedule: '61 * * * *' }).execute()
    await setDatabaseClock(database.db, NOON)
    const { scheduler, lines } = build(new Recorder())
    await scheduler.start()
    await waitFor('the report', () => lines.some((line) => line.includes('cannot be read')))
    await create('fine')
    await waitFor('a later pass', () => scheduler.nextDueAt?.getTime() === NOON + HOUR)
    expect(lines.filter((line) => line.includes('cannot be read'))).toHaveLength(1)
  })

  it('stops at once from its sleep, twice, and takes nothing afterwards', async () => {
    const executor = new Recorder()
    const { scheduler } = build(executor)
    await scheduler.start()
    await waitFor('the first pass', () => scheduler.up)
    const startedAt = performance.now()
    await scheduler.stop()
    await scheduler.stop()
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(scheduler.up).toBe(false)
    await create('pulse', EVERY_SECOND)
    expect(executor.taken).toEqual([])
  })
})

describe('when the database is away', () => {
  it('says so, and goes on by itself when it is back', async () => {
    await create('pulse', EVERY_SECOND)
    const pool = new FaultyPool(database.url)
    const executor = new Recorder()
    const { scheduler, lines } = build(executor, { db: faultyDatabase(pool) })
    pool.fault = () => 'before'
    await scheduler.start()
    await waitFor('a second failure', () => lines.filter((line) => line.includes('could not be claimed')).length >= 2)
    expect(scheduler.up).toBe(false)
    pool.fault = () => null
    await waitFor('a tick', () => executor.taken.length > 0)
    expect(scheduler.up).toBe(true)
    await scheduler.stop()
    await pool.end()
  })

  it('reports a server that does not exist as down, and stops', async () => {
    const nowhere = openDatabase('postgres://panda@127.0.0.1:1/none')
    const { scheduler, lines } = build(new Recorder(), { db: nowhere })
    await scheduler.start()
    await waitFor('the failure', () => lines.length > 0)
    expect(scheduler.up).toBe(false)
    await scheduler.stop()
    await nowhere.destroy()
  })

  it('hands over the runs of a commit whose answer was lost', async () => {
    await installDatabaseClock(database.db, NOON - 1)
    await create('digest')
    await setDatabaseClock(database.db, NOON)
    const pool = new FaultyPool(database.url)
    pool.fault = (query) => (query === 'commit' ? 'after' : null)
    const executor = new Recorder()
    const { scheduler, lines } = build(executor, { db: faultyDatabase(pool) })
    await scheduler.start()
    await waitFor('the failure', () => lines.length > 0)
    pool.fault = () => null
    await waitFor('the run', () => executor.taken.length > 0)
    await waitFor('a good pass', () => scheduler.up)
    await scheduler.stop()
    await pool.end()
    expect(await countRuns()).toEqual({ rows: 1, distinct: 1 })
    const [row] = await database.db.selectFrom('runs').select(['id', 'state']).execute()
    expect(row).toEqual({ id: executor.taken[0]?.run.id, state: 'running' })
    expect(executor.taken).toHaveLength(1)
  })
})
