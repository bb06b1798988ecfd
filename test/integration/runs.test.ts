import { type ErrorCode, PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../packages/server/src/clock.ts'
import { cancelRun } from '../../packages/server/src/runs/cancel.ts'
import { firstIdAt, getRun, listRuns } from '../../packages/server/src/runs/queries.ts'
import { replayRun } from '../../packages/server/src/runs/replay.ts'
import { Retention } from '../../packages/server/src/runs/retention.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { NO_SETTINGS, RunsWorld } from '../support/runs-world.ts'

let world: RunsWorld
let project: string
beforeAll(async () => {
  world = await RunsWorld.open()
  project = world.database.projectId
})
afterAll(() => world[Symbol.asyncDispose]())

async function codeOf(work: Promise<unknown>): Promise<ErrorCode> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof PandaError) return error.code
  throw new Error(`no PandaError but ${String(error)}`)
}

async function otherProject(): Promise<string> {
  const id = newId('prj')
  await world.db
    .insertInto('projects')
    .values({ id, name: `p-${id.slice(-12)}` })
    .execute()
  return id
}

const nameOf = async (id: string): Promise<string> =>
  (await world.db.selectFrom('cronjobs').select('name').where('id', '=', id).executeTakeFirstOrThrow()).name

describe('listRuns', () => {
  it('pages through all runs, the newest first, none twice', async () => {
    const job = await world.cronjob('exit 0')
    const ids: string[] = []
    for (let index = 0; index < 23; index++) ids.push(await world.queue(job, { state: 'succeeded' }))
    const cronjob = await nameOf(job)
    const got: string[] = []
    let cursor: string | undefined
    do {
      const page = await listRuns(world.db, project, { limit: 10, cronjob, cursor })
      expect(page.items.length).toBeLessThanOrEqual(10)
      got.push(...page.items.map((run) => run.id))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(got).toEqual(ids.toReversed())
  })

  it('answers what people ask for', async () => {
    const job = await world.cronjob('exit 0', { timezone: 'Europe/Berlin', image: 'your-org/mailer:1' })
    const due = new Date('2026-07-06T06:00:00Z')
    const at = (ms: number) => new Date(due.getTime() + ms)
    const id = await world.queue(job, {
      state: 'failed',
      reason: 'exit-code',
      message: 'exited with code 3',
      exit_code: 3,
      due_at: due,
      started_at: at(1500),
      finished_at: at(4000),
      attempt: 1,
    })
    const [run] = (await listRuns(world.db, project, { limit: 1, cronjob: await nameOf(job) })).items
    expect(run).toMatchObject({
      id,
      project: 'default',
      image: 'your-org/mailer:1',
      dueAt: '2026-07-06T06:00:00.000Z',
      dueLocal: '2026-07-06T08:00:00+02:00',
      latenessMs: 1500,
      durationMs: 2500,
      exitCode: 3,
      overrides: {},
    })
  })

  it('filters by state and by time', async () => {
    const job = await world.cronjob('exit 0')
    const cronjob = await nameOf(job)
    const failed = await world.queue(job, { state: 'failed' })
    const missed = await world.queue(job, { state: 'missed' })
    const list = async (query: object) => (await listRuns(world.db, project, { limit: 10, cronjob, ...query })).items
    expect((await list({ state: 'failed' })).map((run) => run.id)).toEqual([failed])
    expect((await list({ since: new Date(Date.now() - 60_000).toISOString() })).map((run) => run.id)).toEqual([
      missed,
      failed,
    ])
    expect(await list({ since: new Date(Date.now() + 60_000).toISOString() })).toEqual([])
    expect(failed > firstIdAt(new Date(Date.now() - 1000)) && failed < firstIdAt(new Date(Date.now() + 1000))).toBe(
      true,
    )
  })

  it('shows nothing of another project, by list, id or cronjob name', async () => {
    const job = await world.cronjob('exit 0')
    const id = await world.queue(job)
    const stranger = await otherProject()
    expect((await listRuns(world.db, stranger, { limit: 10 })).items).toEqual([])
    expect(await codeOf(listRuns(world.db, stranger, { limit: 10, cronjob: await nameOf(job) }))).toBe('not_found')
    expect(await codeOf(getRun(world.db, stranger, id))).toBe('not_found')
    expect(await codeOf(cancelRun(world.db, stranger, id, 'x'))).toBe('not_found')
    expect(await codeOf(replayRun(world.db, stranger, id, { who: 'x', as: 'now' }))).toBe('not_found')
    expect(await world.run(id)).toMatchObject({ state: 'queued', cancel_reason: null })
    await cancelRun(world.db, project, id, null)
  })

  it('refuses a cursor that is not ours', async () => {
    expect(await codeOf(listRuns(world.db, project, { limit: 10, cursor: 'nonsense' }))).toBe('invalid_cursor')
  })
})

it('getRun tells the attempts that ended and the one that runs', async () => {
  const job = await world.cronjob('exit 0', { concurrency: 'allow' })
  const change = { state: 'running', attempt: 2, fence: 2, server_id: 'srv_x', engine_id: 'e' } as const
  const id = await world.queue(job, change)
  const ended = { run_id: id, number: 1, outcome: 'failed', reason: 'exit-code', finished_at: new Date() } as const
  await world.db.insertInto('attempts').values(ended).execute()
  const { attempts } = await getRun(world.db, project, id)
  expect(attempts).toMatchObject([
    { number: 1, outcome: 'failed', reason: 'exit-code' },
    { number: 2, outcome: null, server: 'srv_x', finishedAt: null },
  ])
  await world.db.deleteFrom('runs').where('id', '=', id).execute()
})

describe('cancelRun', () => {
  it('ends what waits at once, and asks the server of what runs', async () => {
    const job = await world.cronjob('exit 0', { concurrency: 'allow' })
    const waits = await world.queue(job)
    await cancelRun(world.db, project, waits, 'anna')
    expect(await getRun(world.db, project, waits)).toMatchObject({
      state: 'cancelled',
      reason: 'by-hand',
      message: 'was cancelled by anna',
    })
    const runs = await world.queue(job, { state: 'running', attempt: 1, fence: 1, server_id: 's' })
    await cancelRun(world.db, project, runs, 'anna')
    await cancelRun(world.db, project, runs, 'bert')
    expect(await world.run(runs)).toMatchObject({ state: 'running', cancel_reason: 'by-hand', cancel_by: 'anna' })
    await world.db.deleteFrom('runs').where('id', '=', runs).execute()
  })

  it('refuses what has ended', async () => {
    const id = await world.queue(await world.cronjob('exit 0'), { state: 'succeeded' })
    expect(await codeOf(cancelRun(world.db, project, id, 'anna'))).toBe('run_finished')
    expect(await codeOf(cancelRun(world.db, project, newId('run'), 'anna'))).toBe('not_found')
  })
})

describe('replayRun', () => {
  it('repeats the run as it was: revision, digest, variables, command', async () => {
    await using own = await RunsWorld.open()
    const settings = { ...NO_SETTINGS, env: { REGION: 'now' } }
    await own.server({ settings })
    const job = await own.cronjob('exit 1', { retry: { attempts: 2, backoff: { delay: '10ms' } } })
    const digest = `sha256:${'b'.repeat(64)}`
    const original = await own.queue(job, {
      state: 'failed',
      image_digest: digest,
      env_snapshot: { REGION: 'then' },
      overrides: { command: ['env', 'REGION', 'exit', '4'] },
    })
    await own.db.updateTable('cronjobs').set({ revision: 2 }).where('id', '=', job).execute()
    const spec = await own.db.selectFrom('cronjobs').select('spec').where('id', '=', job).executeTakeFirstOrThrow()
    const changed = JSON.stringify({ ...(spec.spec as object), command: ['exit', '0'], image: 'fake/image:2' })
    await own.db.insertInto('cronjob_revisions').values({ cronjob_id: job, revision: 2, spec: changed }).execute()

    const id = await replayRun(own.db, own.database.projectId, original, { who: 'anna', as: 'it-was' })
    const run = await own.until(id, 'failed', 'succeeded')
    expect(run).toMatchObject({
      trigger: 'replay',
      who: 'anna',
      replay_of: original,
      revision: 1,
      exit_code: 4,
      attempt: 2,
    })
    expect(run.env_snapshot).toEqual({ REGION: 'then' })
    const log = await own.db.selectFrom('log_chunks').select('body').where('run_id', '=', id).execute()
    expect(log.map((chunk) => chunk.body).join()).toContain('then')

    const now = await replayRun(own.db, own.database.projectId, original, { who: null, as: 'now' })
    expect(await own.until(now, 'failed', 'succeeded')).toMatchObject({
      state: 'succeeded',
      revision: 2,
      env_snapshot: { REGION: 'now' },
    })
  })

  it('asks for the image by the digest of then', async () => {
    const asked: string[] = []
    await using own = await RunsWorld.open()
    const { driver } = await own.server()
    const ensure = driver.ensureImage.bind(driver)
    driver.ensureImage = (image, options) => {
      asked.push(image)
      return ensure(image, options)
    }
    const digest = `sha256:${'c'.repeat(64)}`
    const original = await own.queue(await own.cronjob('exit 0'), { state: 'failed', image_digest: digest })
    const id = await replayRun(own.db, own.database.projectId, original, { who: null, as: 'it-was' })
    await own.until(id, 'succeeded')
    expect(asked).toEqual([`docker.io/fake/image@${digest}`])
  })

  it('lets what is asked for now win, and holds to the policy', async () => {
    const job = await world.cronjob('exit 0', { concurrency: 'forbid' })
    const overrides = { command: ['a'], env: { A: '1', B: '1' } } as never
    const original = await world.queue(job, { state: 'failed', overrides })
    const id = await replayRun(world.db, project, original, { who: null, as: 'it-was', env: { B: '2' } })
    expect((await world.run(id)).overrides).toEqual({ command: ['a'], env: { A: '1', B: '2' } })
    expect(await codeOf(replayRun(world.db, project, original, { who: null, as: 'now' }))).toBe('run_active')
    await world.db.updateTable('cronjobs').set({ concurrency: 'queue' }).where('id', '=', job).execute()
    const behind = await replayRun(world.db, project, original, { who: null, as: 'now' })
    expect(await world.run(behind)).toMatchObject({ held: true, overrides: null })
    await cancelRun(world.db, project, id, null)
    expect(await world.run(behind)).toMatchObject({ held: false })
    await cancelRun(world.db, project, behind, null)
  })
})

describe('retention', () => {
  it('keeps the newest finished runs of each cronjob, and deletes the others with all that is theirs', async () => {
    const job = await world.cronjob('exit 0', { keep: 3 })
    const other = await world.cronjob('exit 0', { keep: 3 })
    const ids: string[] = []
    for (let index = 0; index < 8; index++) {
      const id = await world.queue(job, { state: index % 2 ? 'succeeded' : 'skipped' })
      ids.push(id)
      const ended = { run_id: id, number: 1, outcome: 'succeeded', finished_at: new Date() } as const
      await world.db.insertInto('attempts').values(ended).execute()
      await sql`insert into log_chunks values (${id}, 1, 1, 1, 1, now(), now(), 'x')`.execute(world.db)
      await sql`insert into run_logs (run_id, attempt) values (${id}, 1)`.execute(world.db)
    }
    const active = await world.queue(job, { state: 'retrying', available_at: new Date(Date.now() + 3_600_000) })
    const kept = await world.queue(other, { state: 'failed' })
    const retention = new Retention({
      db: world.db,
      clock: systemClock,
      log: { info: () => undefined, warn: () => undefined },
    })
    expect(await retention.sweep()).toBeGreaterThanOrEqual(2)
    const left = await world.db.selectFrom('runs').select('id').where('cronjob_id', '=', job).orderBy('id').execute()
    // Three of the succeeded and three of the skipped ones.
    expect(left.map((row) => row.id)).toEqual([...ids.slice(-6), active])
    for (const table of ['attempts', 'log_chunks', 'run_logs'] as const) {
      const rows = await world.db
        .selectFrom(table)
        .select('run_id')
        .where('run_id', 'in', ids)
        .orderBy('run_id')
        .execute()
      expect(rows.map((row) => row.run_id)).toEqual(ids.slice(-6))
    }
    expect(await world.run(kept)).toMatchObject({ state: 'failed' })
    expect(await retention.sweep()).toBe(0)
    await cancelRun(world.db, project, active, null)
  })

  it('keeps the real history of a cronjob through a long pause', async () => {
    const job = await world.cronjob('exit 0', { keep: 2 })
    const real = [await world.queue(job, { state: 'failed' }), await world.queue(job, { state: 'lost' })]
    const paused: string[] = []
    for (let index = 0; index < 5; index++) paused.push(await world.queue(job, { state: 'skipped', reason: 'paused' }))
    const retention = new Retention({ db: world.db, clock: systemClock, log: { info: () => {}, warn: () => {} } })
    await retention.sweep()
    const left = await world.db.selectFrom('runs').select('id').where('cronjob_id', '=', job).orderBy('id').execute()
    expect(left.map((row) => row.id)).toEqual([...real, ...paused.slice(-2)])
  })

  it('works off a backlog without a pause', async () => {
    const job = await world.cronjob('exit 0', { keep: 1 })
    await sql`insert into runs (id, project_id, cronjob_id, revision, trigger, state, due_at, available_at)
      select 'run_old' || n, ${project}, ${job}, 1, 'manual', 'succeeded', now(), now() from generate_series(1, 901) n
      `.execute(world.db)
    let pauses = 0
    const clock: Clock = { now: () => systemClock.now(), sleep: () => Promise.resolve(void pauses++) }
    const retention = new Retention({ db: world.db, clock, log: { info: () => {}, warn: () => {} } })
    expect(await retention.sweep()).toBeGreaterThanOrEqual(900)
    expect(pauses).toBe(0)
  })

  it('leaves nothing of a cronjob that was deleted a month ago, and all of one deleted yesterday', async () => {
    const [old, recent] = [await world.cronjob('exit 0'), await world.cronjob('exit 0')]
    const ids = [await world.queue(old, { state: 'succeeded' }), await world.queue(recent, { state: 'succeeded' })]
    const day = 86_400_000
    await world.db
      .updateTable('cronjobs')
      .set({ deleted_at: new Date(Date.now() - 31 * day) })
      .where('id', '=', old)
      .execute()
    await world.db
      .updateTable('cronjobs')
      .set({ deleted_at: new Date(Date.now() - day) })
      .where('id', '=', recent)
      .execute()
    const retention = new Retention({
      db: world.db,
      clock: systemClock,
      log: { info: () => undefined, warn: () => undefined },
    })
    await retention.sweep()
    const runs = await world.db.selectFrom('runs').select('id').where('id', 'in', ids).execute()
    expect(runs.map((row) => row.id)).toEqual([ids[1]])
    const jobs = await world.db.selectFrom('cronjobs').select('id').where('id', 'in', [old, recent]).execute()
    expect(jobs.map((row) => row.id)).toEqual([recent])
  })

  it('is the work of one server at a time, and ends with it', async () => {
    const deps = { db: world.db, clock: systemClock, log: { info: () => undefined, warn: () => undefined } }
    const retention = new Retention(deps)
    await world.db.transaction().execute(async (trx) => {
      await sql`select pg_advisory_xact_lock(7300001)`.execute(trx)
      expect(await retention.sweep()).toBe(0)
    })
    await retention.start()
    await retention.stop()
    await retention.stop()
  })
})
