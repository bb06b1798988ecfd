import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { RuntimeError, unitName } from '../../packages/server/src/runtime/driver.ts'
import { FakeDriver } from '../../packages/server/src/runtime/fake/fake-driver.ts'
import { MemoryEngine } from '../../packages/server/src/runtime/fake/memory-engine.ts'
import { adoptRuns } from '../../packages/server/src/runs/transition/adopt-runs.ts'
import { finishAttempts } from '../../packages/server/src/runs/transition/finish-attempts.ts'
import { recordStarted } from '../../packages/server/src/runs/transition/record-started.ts'
import { requeueRuns } from '../../packages/server/src/runs/transition/requeue.ts'
import { setPhases } from '../../packages/server/src/runs/transition/set-phase.ts'
import { RunsWorld } from '../support/runs-world.ts'
import { waitFor } from '../support/wait-for.ts'

const succeeded = { outcome: 'succeeded', reason: null, message: null, exitCode: 0 } as const

async function lineNumbers(world: RunsWorld, id: string): Promise<string[]> {
  const chunks = await world.db
    .selectFrom('log_chunks')
    .select('body')
    .where('run_id', '=', id)
    .orderBy('first_line')
    .execute()
  return [
    ...chunks
      .map((chunk) => chunk.body)
      .join('\n')
      .matchAll(/out (\d+)/g),
  ].map((match) => match[1] ?? '')
}

describe('after the death of a server', () => {
  it('another one adopts what runs: one start, the real exit code, the whole log once', async () => {
    await using world = await RunsWorld.open()
    const first = await world.server()
    const id = await world.queue(await world.cronjob('after 7s log 40 exit 7'))
    await world.untilStarted(id)
    const second = await world.server()
    await world.afterRestartGrace()
    const diedAt = Date.now()
    await first.die()
    const adopted = await waitFor('the run to be adopted', async () => {
      const run = await world.run(id)
      return run.server_id === second.id ? run : false
    })
    expect(Date.now() - diedAt).toBeLessThan(4000)
    expect(adopted).toMatchObject({ state: 'running', fence: 2, attempt: 1 })
    const run = await world.until(id, 'failed', 'succeeded', 'lost')
    expect(run).toMatchObject({ state: 'failed', exit_code: 7, attempt: 1, lost_attempts: 0 })
    expect(run.started_at).toEqual(adopted.started_at)
    expect(world.engine.starts.get(unitName(id, 1))).toBe(1)
    expect(await lineNumbers(world, id)).toEqual(Array.from({ length: 40 }, (_, index) => String(index + 1)))
  })

  it('an exit that happened meanwhile is recorded with its own code and time', async () => {
    await using world = await RunsWorld.open()
    const first = await world.server()
    const id = await world.queue(await world.cronjob('after 600ms exit 6'))
    await world.untilStarted(id)
    await first.die()
    const end = (world.engine.get(unitName(id, 1))?.startedAtMs ?? 0) + 600
    await waitFor('it to end', () => Date.now() > end + 1500)
    await world.server()
    const run = await world.until(id, 'failed', 'lost', 'succeeded')
    expect(run).toMatchObject({ state: 'failed', exit_code: 6, attempt: 1 })
    expect(Math.abs((run.finished_at?.getTime() ?? 0) - end)).toBeLessThan(500)
  })

  it('what was claimed and never started is started, under the same name', async () => {
    await using world = await RunsWorld.open()
    const job = await world.cronjob('exit 0')
    const id = await world.queue(job, {
      state: 'running',
      attempt: 1,
      fence: 1,
      server_id: 'srv_gone',
      engine_id: world.engine.id,
    })
    await world.server()
    expect(await world.until(id, 'succeeded', 'lost')).toMatchObject({ state: 'succeeded', attempt: 1, fence: 2 })
    expect(world.engine.starts.get(unitName(id, 1))).toBe(1)
  })

  it('a start that nobody recorded, cancelled meanwhile: it gets its SIGTERM, and its log is kept', async () => {
    await using world = await RunsWorld.open()
    const command = ['forever', 'print', 'hello', 'on-term', '0', 'bye']
    const id = await world.queue(await world.cronjob(command.join(' ')), {
      state: 'running',
      attempt: 1,
      fence: 1,
      server_id: 'srv_gone',
      engine_id: world.engine.id,
      cancel_reason: 'replaced',
    })
    const labels = {
      installation: 'test',
      project: 'default',
      kind: 'run',
      resource: 'job',
      run: id,
      attempt: 1,
    } as const
    const limits = { env: {}, memoryBytes: 1, cpus: 1, graceMs: 1 }
    const unit = { name: unitName(id, 1), labels, image: 'i', entrypoint: null, command, ...limits }
    await new FakeDriver(world.engine).start(unit)
    await world.server()
    const run = await world.until(id, 'cancelled')
    expect(run).toMatchObject({ reason: 'replaced', attempt: 1 })
    expect(run.started_at).not.toBeNull()
    const { body } = await world.db
      .selectFrom('log_chunks')
      .select(({ fn }) => fn.agg<string>('string_agg', ['body', sql.lit('\n')]).as('body'))
      .where('run_id', '=', id)
      .executeTakeFirstOrThrow()
    expect(body).toMatch(/hello[^]*bye/)
  })

  it('what ran and is gone is lost, and tried again only if retries are wanted', async () => {
    await using world = await RunsWorld.open()
    const gone = { state: 'running', attempt: 1, fence: 1, server_id: 'srv_gone', engine_id: world.engine.id } as const
    const started = { ...gone, phase: 'running', attempt_started_at: new Date(), started_at: new Date() } as const
    const once = await world.queue(await world.cronjob('exit 0'), started)
    const retry = { attempts: 2, backoff: { kind: 'fixed' as const, delay: '50ms', jitter: 0 } }
    const again = await world.queue(await world.cronjob('exit 0', { retry }), started)
    await world.server()
    expect(await world.until(once, 'lost', 'succeeded')).toMatchObject({
      state: 'lost',
      message: 'its container is gone and nothing tells how it ended',
    })
    expect(await world.until(again, 'succeeded', 'failed')).toMatchObject({
      state: 'succeeded',
      attempt: 2,
      lost_attempts: 1,
    })
    expect((await world.attempts(again)).map((attempt) => attempt.outcome)).toEqual(['lost', 'succeeded'])
    expect(world.engine.starts.get(unitName(again, 1))).toBeUndefined()
  })

  it('the rest of its timeout counts, not a new one', async () => {
    await using world = await RunsWorld.open()
    const first = await world.server()
    const id = await world.queue(await world.cronjob('forever', { timeout: '3s' }))
    const started = await world.untilStarted(id)
    await world.server()
    await first.die()
    const run = await world.until(id, 'failed')
    expect(run.reason).toBe('timeout')
    const tookMs = (run.finished_at?.getTime() ?? 0) - (started.started_at?.getTime() ?? 0)
    expect(tookMs).toBeGreaterThan(2900)
    expect(tookMs).toBeLessThan(4500)
  })

  it('a server that signs off hands over at once, and leaves the units running', async () => {
    await using world = await RunsWorld.open()
    const first = await world.server()
    const id = await world.queue(await world.cronjob('after 6s exit 3 log 15'))
    await world.untilStarted(id)
    const second = await world.server()
    await world.afterRestartGrace()
    await first.stop()
    await waitFor('the run to be adopted', async () => (await world.run(id)).server_id === second.id, 1200)
    expect(await world.until(id, 'failed')).toMatchObject({ exit_code: 3, attempt: 1 })
    expect(world.engine.starts.get(unitName(id, 1))).toBe(1)
    expect(await lineNumbers(world, id)).toHaveLength(15)
  })
})

describe('a stale owner', () => {
  it('is refused by every write once its run was adopted', async () => {
    await using world = await RunsWorld.open()
    const id = await world.queue(await world.cronjob('exit 0'), {
      state: 'running',
      attempt: 1,
      fence: 1,
      server_id: 'srv_old',
      engine_id: 'e',
    })
    const [adopted] = await adoptRuns(world.db, { serverId: 'srv_new', engineId: 'e', from: ['srv_old'], limit: 10 })
    expect(adopted).toMatchObject({ id, fence: 2 })
    const { projectId } = world.database
    const old = { id, fence: 1, projectId, cronjobId: adopted?.cronjobId ?? '' }
    const start = { imageDigest: null, envSnapshot: {}, startedAt: null, lateAfterMs: null }
    expect(await setPhases(world.db, [{ ...old, phase: 'stopping' }])).toEqual([false])
    expect(await recordStarted(world.db, [{ ...old, ...start }])).toEqual([false])
    expect(await requeueRuns(world.db, [{ ...old, delayMs: 0, message: '', pinned: false }])).toEqual([false])
    const end = { verdict: succeeded, next: { state: 'succeeded' } as const, finishedAt: null }
    expect(await finishAttempts(world.db, [{ ...old, ...end }])).toEqual([false])
    expect(await world.run(id)).toMatchObject({ state: 'running', phase: null, server_id: 'srv_new', fence: 2 })
    expect(await world.attempts(id)).toEqual([])
    // The new owner's writes count, and a repetition of its last one is told apart from a stale one.
    const mine = { ...old, fence: 2, ...end }
    expect(await finishAttempts(world.db, [mine])).toEqual([true])
    expect(await finishAttempts(world.db, [mine])).toEqual([true])
    expect(await world.attempts(id)).toHaveLength(1)
  })

  it('lets go of its runs when it finds out, and never stops their units', async () => {
    await using world = await RunsWorld.open()
    const server = await world.server()
    const id = await world.queue(await world.cronjob('forever'))
    await world.untilStarted(id)
    await world.db.updateTable('runs').set({ fence: 9, server_id: 'srv_other' }).where('id', '=', id).execute()
    expect(await server.executor.verifyFences()).toBe(1)
    await waitFor('it to let go', () => server.executor.activeRuns === 0)
    expect(world.engine.get(unitName(id, 1))?.end).toBeNull()
  })
})

describe('engines that are not ours', () => {
  it('runs of a dead server on another engine are left alone, and given up after a minute', async () => {
    await using world = await RunsWorld.open()
    const retry = { attempts: 2, backoff: { kind: 'fixed' as const, delay: '1h', jitter: 0 } }
    const change = { state: 'running', attempt: 1, fence: 1, server_id: 'srv_gone', engine_id: 'far' } as const
    const running = await world.queue(await world.cronjob('exit 0', { retry }), change)
    const job = await world.cronjob('exit 0')
    const pinned = await world.queue(job, { engine_id: 'far', available_at: new Date(Date.now() - 1000) })
    const pinnedRetry = await world.queue(await world.cronjob('exit 0', { retry }), { engine_id: 'far' })
    let nowMs = 0
    const clock = { now: () => nowMs, sleep: () => Promise.resolve() }
    const server = await world.server({ dispatch: false, reconcilerClock: clock })
    const halfway = await world.queue(job, { ...change, server_id: server.id, engine_id: 'farther' })
    await server.reconciler.passServers()
    nowMs = 59_000
    await server.reconciler.passServers()
    expect(await world.run(running)).toMatchObject({ state: 'running', server_id: 'srv_gone' })
    expect(await world.run(pinned)).toMatchObject({ state: 'queued', engine_id: 'far', attempt: 0 })
    nowMs = 61_000
    await server.reconciler.passServers()
    expect(await world.run(running)).toMatchObject({
      state: 'retrying',
      lost_attempts: 1,
      message: 'the engine that ran it is not reachable by any living server',
    })
    // It may have run over there, so it is run again only if retries are wanted.
    expect(await world.run(pinned)).toMatchObject({ state: 'lost', attempt: 1, lost_attempts: 1 })
    expect(await world.run(pinnedRetry)).toMatchObject({ state: 'retrying', attempt: 1, lost_attempts: 1 })
    // Taken over to be given up by a pass that did not get to its end.
    await server.reconciler.passServers()
    nowMs = 122_000
    await server.reconciler.passServers()
    expect(await world.run(halfway)).toMatchObject({ state: 'lost' })
  })

  it('a start that was asked for goes on at the same engine only', async () => {
    await using world = await RunsWorld.open()
    let told = false
    const near = new MemoryEngine({
      id: 'near',
      after: (operation) => {
        if (operation !== 'start' || told) return
        told = true
        near.away = true
        throw new RuntimeError('engine-away', 'it was cut off before it answered')
      },
    })
    await world.server({ engine: near })
    const id = await world.queue(await world.cronjob('exit 0 after 100ms'))
    const waiting = await waitFor('it to be put back', async () => {
      const run = await world.run(id)
      return run.state === 'queued' && run.reason === 'engine-away' ? run : false
    })
    expect(waiting).toMatchObject({ engine_id: 'near', attempt: 0 })
    const far = await world.server({ engine: new MemoryEngine({ id: 'far' }) })
    await waitFor('the same server to try again', async () => (await world.run(id)).fence > 2)
    near.away = false
    expect(await world.until(id, 'succeeded')).toMatchObject({ attempt: 1, engine_id: 'near' })
    expect(near.starts.get(unitName(id, 1))).toBe(1)
    expect(far.executor.activeRuns).toBe(0)
  })
})

describe('units and runs', () => {
  it('takes up runs of ours that nobody follows, e.g. after a claim whose answer was lost', async () => {
    await using world = await RunsWorld.open()
    const server = await world.server()
    const change = { state: 'running', attempt: 1, fence: 1, server_id: server.id, engine_id: world.engine.id } as const
    const id = await world.queue(await world.cronjob('exit 0'), change)
    const run = await waitFor(
      'it to be taken up',
      async () => {
        const now = await world.run(id)
        return now.state === 'succeeded' ? now : false
      },
      15_000,
    )
    expect(run).toMatchObject({ fence: 2, attempt: 1 })
  })

  it('finds a run of ours that nobody follows also while we follow one that is not ours any more', async () => {
    await using world = await RunsWorld.open()
    let nowMs = 0
    const clock = { now: () => nowMs, sleep: () => Promise.resolve() }
    const server = await world.server({ dispatch: false, reconcilerClock: clock })
    const job = await world.cronjob('forever')
    const ours = { state: 'running', attempt: 1, fence: 1, server_id: server.id, engine_id: world.engine.id } as const
    const stale = await world.queue(job, ours)
    const { projectId } = world.database
    const claimed = { projectId, cronjobId: job, revision: 1, attempt: 1, fence: 1, trigger: 'manual' } as const
    server.executor.take([{ id: stale, ...claimed, dueAt: new Date() }])
    await world.untilStarted(stale)
    await world.db.updateTable('runs').set({ fence: 2, server_id: 'srv_other' }).where('id', '=', stale).execute()
    const stray = await world.queue(await world.cronjob('exit 0'), ours)
    await server.reconciler.passUpkeep()
    nowMs = 5000
    await server.reconciler.passUpkeep()
    expect(await world.until(stray, 'succeeded')).toMatchObject({ fence: 2, attempt: 1 })
  })

  it('one that cannot be removed does not keep the others from it', async () => {
    await using world = await RunsWorld.open()
    const driver = new FakeDriver(world.engine)
    const remove = driver.remove.bind(driver)
    driver.remove = (name, signal) =>
      name.includes('bad') ? Promise.reject(new RuntimeError('engine-away', 'busy')) : remove(name, signal)
    const job = await world.cronjob('exit 0')
    const over = { state: 'succeeded', attempt: 1, fence: 1, server_id: 'srv_gone', finished_at: new Date() } as const
    const limits = { image: 'i', entrypoint: null, command: ['forever'], env: {}, memoryBytes: 1, cpus: 1, graceMs: 1 }
    const labels = { installation: 'test', project: 'default', kind: 'run', resource: 'job', attempt: 1 } as const
    for (const name of ['panda-bad', 'panda-good']) {
      const run = await world.queue(job, over)
      await driver.start({ ...limits, name, labels: { ...labels, run } })
    }
    const clock = { now: () => 0, sleep: () => Promise.resolve() }
    const server = await world.server({ driver, reconcilerClock: clock })
    await server.reconciler.passUnits()
    expect([...world.engine.list()].map((unit) => unit.spec.name)).toEqual(['panda-bad'])
  })

  it('removes what a server left behind between record and removal', async () => {
    await using world = await RunsWorld.open()
    const job = await world.cronjob('exit 0')
    const id = await world.queue(job, {
      state: 'succeeded',
      attempt: 1,
      fence: 1,
      server_id: 'srv_gone',
      finished_at: new Date(),
    })
    const labels = {
      installation: 'test',
      project: 'default',
      kind: 'run',
      resource: 'job',
      run: id,
      attempt: 1,
    } as const
    const limits = { env: {}, memoryBytes: 1, cpus: 1, graceMs: 1 }
    const unit = { name: unitName(id, 1), labels, image: 'i', entrypoint: null, command: ['forever'], ...limits }
    await new FakeDriver(world.engine).start(unit)
    await new FakeDriver(world.engine).start({
      ...unit,
      name: 'panda-foreign',
      labels: { ...labels, installation: 'other' },
    })
    await world.server()
    await waitFor('it to be removed', () => world.engine.get(unit.name) === null)
    expect(world.engine.get('panda-foreign')).not.toBeNull()
  })

  it('ends a run as lost when its unit vanishes from under a wait that does not notice', async () => {
    await using world = await RunsWorld.open()
    const driver = new FakeDriver(world.engine)
    driver.wait = (_name, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)))
    const server = await world.server({ driver })
    const id = await world.queue(await world.cronjob('forever'))
    await world.untilStarted(id)
    world.engine.remove(unitName(id, 1))
    await server.reconciler.passUnits()
    expect(await world.until(id, 'lost')).toMatchObject({
      message: 'its container is gone and nothing tells how it ended',
    })
  })
})

describe('a runtime whose units end with the server', () => {
  it('stops them and says so', async () => {
    await using world = await RunsWorld.open()
    const driver = new FakeDriver(world.engine)
    const mortal = Object.assign(driver, { capabilities: { ...driver.capabilities, survivesServer: false } })
    const server = await world.server({ driver: mortal })
    const id = await world.queue(await world.cronjob('forever'))
    await world.untilStarted(id)
    await server.stop()
    expect(await world.run(id)).toMatchObject({
      state: 'lost',
      message: 'the server was stopped, and this runtime keeps nothing running without it',
    })
    expect(world.engine.get(unitName(id, 1))).toBeNull()
  })
})
