import type { AttemptOutcome, RunState } from '@pandastack/contract'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../packages/server/src/store/ids.ts'
import { cancelRun } from '../../packages/server/src/runs/cancel.ts'
import { noteLateRuns } from '../../packages/server/src/runs/late.ts'
import { nextState } from '../../packages/server/src/runs/next-state.ts'
import { mayMove, TRANSITIONS } from '../../packages/server/src/runs/states.ts'
import { claimReady } from '../../packages/server/src/runs/transition/claim-ready.ts'
import { endWaiting } from '../../packages/server/src/runs/transition/end-waiting.ts'
import { finishAttempts } from '../../packages/server/src/runs/transition/finish-attempts.ts'
import { recordStarted } from '../../packages/server/src/runs/transition/record-started.ts'
import { releaseStuck } from '../../packages/server/src/runs/transition/release-stuck.ts'
import { requeueRuns } from '../../packages/server/src/runs/transition/requeue.ts'
import type { ClaimedRun } from '../../packages/server/src/runs/claimed-run.ts'
import { retrySchema } from '@pandastack/contract'
import { RunsWorld } from '../support/runs-world.ts'
import { waitFor } from '../support/wait-for.ts'

let world: RunsWorld
beforeAll(async () => {
  world = await RunsWorld.open()
})
afterAll(() => world[Symbol.asyncDispose]())

const noBackoff = retrySchema.parse({ attempts: 2, backoff: { kind: 'fixed', delay: '0s', jitter: 0 } })
const claim = (limit = 100, engineId = 'e') => claimReady(world.db, { serverId: 'srv_1', engineId, limit })

function end(run: ClaimedRun, outcome: AttemptOutcome, maxAttempts = 1) {
  const next = nextState({ attempt: run.attempt, maxAttempts, lostAttempts: 0 }, outcome, noBackoff, 0.5)
  const verdict = { outcome, reason: outcome === 'failed' ? ('exit-code' as const) : null, message: null, exitCode: 1 }
  return finishAttempts(world.db, [{ ...run, verdict, next, finishedAt: null }])
}

const started = (run: ClaimedRun) =>
  recordStarted(world.db, [{ ...run, imageDigest: null, envSnapshot: {}, startedAt: null, lateAfterMs: null }])

const eventsOf = async (cronjobId: string): Promise<string[]> => {
  const { rows } = await sql<{ event: string }>`
    select e.event from alert_events e join runs r on r.id = e.run_id where r.cronjob_id = ${cronjobId} order by e.id`.execute(
    world.db,
  )
  return rows.map((row) => row.event)
}

async function listen(cronjobId: string, lateAfterMs = 60_000): Promise<void> {
  await world.db
    .insertInto('alerts')
    .values({
      id: newId('alt'),
      project_id: world.database.projectId,
      cronjob_id: cronjobId,
      name: `a-${cronjobId.slice(-12)}`,
      events: ['failed', 'lost', 'recovered', 'late', 'skipped'],
      channel_kind: 'webhook',
      channel_target: 'x',
      channel: Buffer.from('x'),
      late_after_ms: lateAfterMs,
      group_for_ms: 0,
    })
    .execute()
}

describe('the table of states', () => {
  it('is kept by every statement, whatever happens in which order', async () => {
    await using own = await RunsWorld.open()
    await sql`create table moves (run_id text, was text, became text)`.execute(own.db)
    await sql`create function note_move() returns trigger language plpgsql as $$
      begin
        if old.state <> new.state then insert into moves values (new.id, old.state, new.state); end if;
        return new;
      end $$`.execute(own.db)
    await sql`create trigger note_move after update on runs for each row execute function note_move()`.execute(own.db)
    const operation = fc.constantFrom(
      'queue',
      'schedule',
      'claim',
      'start',
      'succeed',
      'fail',
      'fail-retry',
      'lose',
      'lose-retry',
      'requeue',
      'cancel',
      'expire',
      'stale',
    )
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40 }), async (operations) => {
        await walk(own, operations)
        const { rows } = await sql<{ was: RunState; became: RunState }>`select distinct was, became from moves`.execute(
          own.db,
        )
        for (const { was, became } of rows) {
          seen.add(`${was} → ${became}`)
          expect(mayMove(was, became), `${was} → ${became}`).toBe(true)
        }
      }),
      { numRuns: 60, examples: EACH_MOVE.map((operations) => [operations.split(' ')] as never) },
    )
    const all = Object.entries(TRANSITIONS).flatMap(([from, tos]) => tos.map((to) => `${from} → ${to}`))
    expect([...seen].sort()).toEqual(all.sort())
  })
})

/** Walks that together make every move of the table, before the random ones. */
const EACH_MOVE = [
  'queue claim start succeed',
  'queue claim fail',
  'queue claim lose',
  'queue claim cancel',
  'queue claim requeue cancel',
  'schedule cancel',
  'schedule claim stale start fail-retry claim lose-retry cancel',
  'expire',
]

/** A random life of a few runs. Everything goes through the functions that the server uses. */
async function walk(own: RunsWorld, operations: readonly string[]): Promise<void> {
  await own.db.deleteFrom('runs').execute()
  const job = await own.cronjob('exit 0', { deadline: '1s' })
  let held: ClaimedRun[] = []
  const finish = async (outcome: AttemptOutcome, maxAttempts: number): Promise<void> => {
    const run = held.shift()
    if (run === undefined) return
    const next = nextState({ attempt: 1, maxAttempts, lostAttempts: 0 }, outcome, noBackoff, 0.5)
    const verdict = { outcome, reason: null, message: null, exitCode: null }
    expect(await finishAttempts(own.db, [{ ...run, verdict, next, finishedAt: null }])).toEqual([true])
  }
  const queued = () => own.queue(job, { available_at: new Date(Date.now() - 100) })
  const steps: Record<string, () => Promise<unknown>> = {
    queue: queued,
    schedule: () => own.queue(job, { state: 'scheduled', available_at: new Date(Date.now() - 100) }),
    claim: async () => (held = [...held, ...(await claimReady(own.db, { serverId: 's', engineId: 'e', limit: 2 }))]),
    start: async () => {
      const write = { imageDigest: null, envSnapshot: {}, startedAt: null, lateAfterMs: 0 }
      expect(
        await recordStarted(
          own.db,
          held.map((run) => ({ ...run, ...write })),
        ),
      ).toEqual(held.map(() => true))
    },
    succeed: () => finish('succeeded', 1),
    fail: () => finish('failed', 1),
    'fail-retry': () => finish('failed', 2),
    lose: () => finish('lost', 1),
    'lose-retry': () => finish('lost', 2),
    requeue: async () => {
      const run = held.shift()
      if (run !== undefined) await requeueRuns(own.db, [{ ...run, delayMs: 0, message: 'away', pinned: false }])
    },
    cancel: async () => {
      const active = await own.db
        .selectFrom('runs')
        .select('id')
        .where('cronjob_id', '=', job)
        .where('state', 'in', ['scheduled', 'queued', 'running', 'retrying'])
        .execute()
      const target = active[Math.floor(active.length / 2)]
      if (target === undefined) return
      await cancelRun(own.db, own.database.projectId, target.id, 'anna')
      const mine = held.find((run) => run.id === target.id)
      if (mine === undefined) return
      held = [mine, ...held.filter((run) => run !== mine)]
      await finish('cancelled', 1)
    },
    expire: async () => {
      for (const state of ['queued', 'scheduled'] as const) {
        await own.queue(job, { state, due_at: new Date(Date.now() - 5000), available_at: new Date(Date.now() - 100) })
      }
      await endWaiting(own.db)
    },
    stale: async () => {
      const run = held[0]
      if (run === undefined) return
      const old = { ...run, fence: run.fence - 1 }
      const verdict = { outcome: 'succeeded' as const, reason: null, message: null, exitCode: 0 }
      expect(
        await finishAttempts(own.db, [{ ...old, verdict, next: { state: 'succeeded' }, finishedAt: null }]),
      ).toEqual([false])
    },
  }
  for (const operation of operations) await steps[operation]?.()
}

describe('claiming', () => {
  it('gives each run to one of several servers, the longest waiting first', async () => {
    const job = await world.cronjob('exit 0')
    const ids = new Set<string>()
    for (let index = 0; index < 60; index++) ids.add(await world.queue(job))
    const claims = await Promise.all([claim(25), claim(25), claim(25), claim(25)])
    const got = claims.flat().map((run) => run.id)
    expect(new Set(got).size).toBe(got.length)
    expect(new Set(got)).toEqual(ids)
    await Promise.all(claims.flat().map((run) => end(run, 'succeeded')))
  })

  it('leaves alone what is held, not yet due, to be cancelled, or of another engine', async () => {
    const job = await world.cronjob('exit 0', { concurrency: 'allow' })
    await world.queue(job, { held: true })
    await world.queue(job, { available_at: new Date(Date.now() + 60_000) })
    await world.queue(job, { cancel_reason: 'by-hand' })
    await world.queue(job, { engine_id: 'other' })
    expect(await claim()).toEqual([])
    const retrying = await world.queue(job, { state: 'retrying', engine_id: 'other', attempt: 1, fence: 1 })
    expect((await claim()).map((run) => [run.id, run.attempt, run.fence])).toEqual([[retrying, 2, 2]])
    await world.db.deleteFrom('runs').where('cronjob_id', '=', job).execute()
  })
})

describe.each(['queue', 'replace'] as const)('held runs under the policy %s', (concurrency) => {
  it('go one by one, in order, each when the one before has ended, with two servers', async () => {
    await using own = await RunsWorld.open()
    const job = await own.cronjob('after 60ms', { concurrency })
    const ids = [await own.queue(job)]
    for (let index = 1; index < 8; index++) {
      ids.push(await own.queue(job, { held: true, due_at: new Date(Date.now() + index) }))
    }
    await Promise.all([own.server(), own.server()])
    await waitFor('all to end', async () => {
      const runs = await Promise.all(ids.map((id) => own.run(id)))
      const running = runs.filter((run) => run.state === 'running')
      expect(running.length).toBeLessThan(2)
      return runs.every((run) => run.state === 'succeeded')
    })
    const runs = await Promise.all(ids.map((id) => own.run(id)))
    for (const [index, run] of runs.entries()) {
      const before = runs[index - 1]
      if (before?.finished_at) expect(run.started_at?.getTime()).toBeGreaterThanOrEqual(before.finished_at.getTime())
    }
  })

  it('go on when what is before them is cancelled or past its deadline', async () => {
    const job = await world.cronjob('exit 0', { concurrency, deadline: '1s' })
    const first = await world.queue(job, { available_at: new Date(Date.now() + 3_600_000) })
    const second = await world.queue(job, { held: true })
    await cancelRun(world.db, world.database.projectId, first, 'anna')
    expect(await world.run(second)).toMatchObject({ held: false })
    const third = await world.queue(job, { held: true, due_at: new Date(Date.now() + 1000) })
    await world.db
      .updateTable('runs')
      .set({ due_at: new Date(Date.now() - 9000) })
      .where('id', '=', second)
      .execute()
    await endWaiting(world.db)
    expect(await world.run(second)).toMatchObject({ state: 'skipped', reason: 'deadline' })
    expect(await world.run(third)).toMatchObject({ held: false })
    await cancelRun(world.db, world.database.projectId, third, null)
  })
})

it('lets go what is held behind nothing', async () => {
  const job = await world.cronjob('exit 0', { concurrency: 'allow' })
  const id = await world.queue(job, { held: true })
  expect(await releaseStuck(world.db)).toBe(1)
  expect(await world.run(id)).toMatchObject({ held: false, state: 'queued' })
  expect(await releaseStuck(world.db)).toBe(0)
  await cancelRun(world.db, world.database.projectId, id, null)
})

describe('what the alerts hear', () => {
  it('of failures, lost runs and the recovery after them, never of a retry', async () => {
    const job = await world.cronjob('exit 0', { concurrency: 'allow' })
    await listen(job)
    const outcomes: [AttemptOutcome, number][] = [
      ['succeeded', 1],
      ['failed', 2],
      ['failed', 1],
      ['lost', 1],
      ['succeeded', 1],
      ['succeeded', 1],
      ['cancelled', 1],
    ]
    for (const [outcome, maxAttempts] of outcomes) {
      await world.queue(job)
      const [run] = await claim(1)
      if (run === undefined) throw new Error('nothing to claim')
      expect(await end(run, outcome, maxAttempts)).toEqual([true])
      await world.db.deleteFrom('runs').where('state', '=', 'retrying').execute()
    }
    expect(await eventsOf(job)).toEqual(['failed', 'lost', 'recovered'])
  })

  it('of failure and recovery in one batch, in order', async () => {
    const job = await world.cronjob('exit 0', { concurrency: 'allow' })
    await listen(job)
    for (let index = 0; index < 3; index++) await world.queue(job)
    const runs = await claim(3)
    await finishAttempts(
      world.db,
      runs.map((run, index) => ({
        ...run,
        verdict: { outcome: 'failed', reason: 'exit-code', message: null, exitCode: 1 },
        next: { state: index === 2 ? ('succeeded' as const) : ('failed' as const) },
        finishedAt: null,
      })),
    )
    expect((await eventsOf(job)).sort()).toEqual(['failed', 'failed', 'recovered'])
    const { failing } = await world.db
      .selectFrom('cronjobs')
      .select('failing')
      .where('id', '=', job)
      .executeTakeFirstOrThrow()
    expect(failing).toBe(false)
  })

  it('of a late start and of a wait that is too long, once', async () => {
    const job = await world.cronjob('exit 0', { concurrency: 'allow' })
    await listen(job, 5000)
    const late = { due_at: new Date(Date.now() - 6000) }
    const waits = await world.queue(job, { ...late, held: true })
    await world.queue(job, { due_at: new Date(Date.now() - 2000), held: true })
    expect(await noteLateRuns(world.db)).toBe(1)
    expect(await noteLateRuns(world.db)).toBe(0)
    expect(await world.run(waits)).toMatchObject({ late_noted: true })
    await world.queue(job, late)
    const [run] = await claim(1)
    if (run === undefined) throw new Error('nothing to claim')
    const write = { ...run, imageDigest: null, envSnapshot: {}, startedAt: null, lateAfterMs: 5000 }
    expect(await recordStarted(world.db, [write])).toEqual([true])
    expect(await recordStarted(world.db, [write])).toEqual([true])
    expect(await noteLateRuns(world.db)).toBe(0)
    expect(await eventsOf(job)).toEqual(['late', 'late'])
    await end(run, 'succeeded')
    await world.db.deleteFrom('runs').where('cronjob_id', '=', job).execute()
  })
})

describe('times', () => {
  it('of an engine count only between due time and now', async () => {
    const job = await world.cronjob('exit 0', { concurrency: 'allow' })
    const due = new Date(Date.now() - 10_000)
    for (const [engine, expected] of [
      [new Date(due.getTime() + 4000), due.getTime() + 4000],
      [new Date(due.getTime() - 3_600_000), due.getTime()],
    ] as const) {
      await world.queue(job, { due_at: due })
      const [run] = await claim(1)
      if (run === undefined) throw new Error('nothing to claim')
      await recordStarted(world.db, [
        { ...run, imageDigest: null, envSnapshot: {}, startedAt: engine, lateAfterMs: null },
      ])
      expect((await world.run(run.id)).started_at?.getTime()).toBe(expected)
      const verdict = { outcome: 'succeeded' as const, reason: null, message: null, exitCode: 0 }
      const before = new Date(expected - 1000)
      await finishAttempts(world.db, [{ ...run, verdict, next: { state: 'succeeded' }, finishedAt: before }])
      expect((await world.run(run.id)).finished_at?.getTime()).toBe(expected)
    }
  })

  it('of the first attempt stay the start of the run', async () => {
    const job = await world.cronjob('exit 0', { concurrency: 'allow', retry: { attempts: 2 } })
    const id = await world.queue(job)
    const [first] = await claim(1)
    if (first === undefined) throw new Error('nothing to claim')
    await started(first)
    const { started_at: at } = await world.run(id)
    await end(first, 'failed', 2)
    expect(await world.run(id)).toMatchObject({ state: 'retrying', finished_at: null, exit_code: 1 })
    const [second] = await claim(1)
    if (second === undefined) throw new Error('nothing to claim')
    expect(await world.run(id)).toMatchObject({ attempt: 2, attempt_started_at: null, exit_code: null, reason: null })
    await started(second)
    expect((await world.run(id)).started_at).toEqual(at)
    await end(second, 'succeeded')
  })
})
