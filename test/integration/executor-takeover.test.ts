import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cancelRun } from '../../packages/server/src/runs/cancel.ts'
import { unitName, type UnitSpec } from '../../packages/server/src/runtime/driver.ts'
import { MemoryEngine } from '../../packages/server/src/runtime/fake/memory-engine.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import type { RunRow } from '../../packages/server/src/store/schema.ts'
import { RunsWorld, type TestServer } from '../support/runs-world.ts'
import { waitFor } from '../support/wait-for.ts'

const MINUTE_MS = 60_000

let world: RunsWorld
let another: TestServer
beforeAll(async () => {
  world = await RunsWorld.open()
  another = await world.server()
})
afterAll(() => world[Symbol.asyncDispose]())

function unitOf(id: string, command: readonly string[]): UnitSpec {
  const labels = {
    installation: 'test',
    project: 'default',
    kind: 'run',
    resource: 'job',
    run: id,
    attempt: 1,
  } as const
  const limits = { env: {}, memoryBytes: 1, cpus: 1, graceMs: 1 }
  return { name: unitName(id, 1), labels, image: 'i', entrypoint: null, command, ...limits }
}

interface Left {
  /** null = it has no unit. */
  readonly command: string | null
  readonly startedAgoMs: number
  readonly job?: Parameters<RunsWorld['cronjob']>[1]
  readonly run?: Partial<RunRow>
  /** The start of its unit is not on record. */
  readonly unrecorded?: boolean
}

/** A run whose server died when its unit had been started so long ago. */
async function leftBehind({ command, startedAgoMs, job, run, unrecorded = false }: Left): Promise<string> {
  const startedAt = new Date(Date.now() - startedAgoMs)
  const id = newId('run')
  if (command !== null) {
    const unit = unitOf(id, command.split(' '))
    world.engine.create(unit, world.engine.programOf(unit))
    world.engine.start(unit.name, startedAt.getTime())
  }
  await world.queue(await world.cronjob(command ?? 'exit 0', job), {
    id,
    state: 'running',
    attempt: 1,
    fence: 1,
    server_id: 'srv_gone',
    engine_id: world.engine.id,
    due_at: startedAt,
    ...(unrecorded ? {} : { phase: 'running', attempt_started_at: startedAt, started_at: startedAt }),
    ...run,
  })
  return id
}

describe('a unit that ended while nobody looked', () => {
  const startedAgoMs = 20 * MINUTE_MS

  it('in time, is not called late by who looks after its timeout', async () => {
    const good = await leftBehind({ command: 'after 5m exit 0', startedAgoMs, job: { timeout: '10m' } })
    const bad = await leftBehind({ command: 'after 5m exit 3', startedAgoMs, job: { timeout: '10m' } })
    const ended = await world.until(good, 'succeeded', 'failed')
    expect(ended).toMatchObject({ state: 'succeeded', exit_code: 0 })
    expect((ended.finished_at?.getTime() ?? 0) - (ended.started_at?.getTime() ?? 0)).toBe(5 * MINUTE_MS)
    expect(await world.until(bad, 'succeeded', 'failed')).toMatchObject({ reason: 'exit-code', exit_code: 3 })
  })

  it('too late by the times of the engine, has failed by its timeout', async () => {
    const id = await leftBehind({ command: 'after 15m exit 0', startedAgoMs, job: { timeout: '10m' } })
    expect(await world.until(id, 'succeeded', 'failed')).toMatchObject({ reason: 'timeout' })
  })

  it('and is gone, is lost whatever its timeout was, and its log says so', async () => {
    const id = await leftBehind({ command: null, startedAgoMs, job: { timeout: '10m' } })
    expect(await world.until(id, 'failed', 'lost')).toMatchObject({
      state: 'lost',
      message: 'its container is gone and nothing tells how it ended',
    })
    const log = await world.db.selectFrom('run_logs').selectAll().where('run_id', '=', id).executeTakeFirstOrThrow()
    expect(log.complete).toBe(true)
  })

  it('is not called cancelled by a wish that nobody had carried out', async () => {
    const cancel = { cancel_reason: 'by-hand', cancel_by: 'anna' } as const
    const id = await leftBehind({ command: 'after 5m exit 0', startedAgoMs, run: cancel })
    expect(await world.until(id, 'succeeded', 'cancelled')).toMatchObject({ state: 'succeeded' })
    const begun = { ...cancel, phase: 'stopping' } as const
    const stopped = await leftBehind({ command: 'after 5m exit 143', startedAgoMs, run: begun })
    expect(await world.until(stopped, 'cancelled', 'failed')).toMatchObject({ state: 'cancelled', exit_code: 143 })
  })

  it('ended while the engine was away when its time was over', async () => {
    await using other = await RunsWorld.open()
    await other.server()
    const id = await other.queue(await other.cronjob('after 500ms exit 0', { timeout: '800ms' }))
    await other.untilStarted(id)
    other.engine.away = true
    const endMs = (other.engine.get(unitName(id, 1))?.startedAtMs ?? 0) + 1000
    await waitFor('its time to be over', () => Date.now() > endMs)
    other.engine.away = false
    expect(await other.until(id, 'succeeded', 'failed')).toMatchObject({ state: 'succeeded' })
  })
})

it('a unit whose start nobody recorded has the rest of its timeout, not a new one', async () => {
  const job = { timeout: '10m' }
  const id = await leftBehind({ command: 'forever', startedAgoMs: 20 * MINUTE_MS, job, unrecorded: true })
  expect(await world.until(id, 'failed')).toMatchObject({ reason: 'timeout', exit_code: 143 })
})

describe('a server that was frozen right before it started a unit', () => {
  it('starts nothing when another has the run by then', async () => {
    const ours = { id: '' }
    const engine: MemoryEngine = new MemoryEngine({
      id: 'freezing',
      before: async (operation) => {
        if (operation !== 'start') return
        await server.membership.abandon()
        await world.db.updateTable('runs').set({ fence: 2, server_id: another.id }).where('id', '=', ours.id).execute()
        await waitFor('the lease to run out', () => !server.membership.surelyOurs())
      },
    })
    const server = await world.server({ engine })
    ours.id = await world.queue(await world.cronjob('exit 0'), { engine_id: engine.id, attempt: 0 })
    await waitFor('it to be taken', async () => (await world.run(ours.id)).server_id === another.id)
    await waitFor('it to be let go', () => server.executor.activeRuns === 0)
    expect(engine.starts.size).toBe(0)
    await world.db.deleteFrom('runs').where('id', '=', ours.id).execute()
  })
})

describe('a unit that somebody thinks is gone', () => {
  it('and is not, can still be cancelled', async () => {
    const id = await world.queue(await world.cronjob('forever'))
    await world.untilStarted(id)
    another.executor.lookAgain(id)
    await cancelRun(world.db, world.database.projectId, id, 'anna')
    expect(await world.until(id, 'cancelled')).toMatchObject({ message: 'was cancelled by anna' })
  })
})

describe('a start that was asked for when the engine went away', () => {
  /** Put back, with its unit started so long ago, or none. */
  async function putBack(command: string | null, job: Left['job'], run: Partial<RunRow>): Promise<string> {
    const change = { state: 'queued', attempt: 0, fence: 2, server_id: null, reason: 'engine-away', ...run } as const
    return leftBehind({ command, startedAgoMs: 5 * MINUTE_MS, job, run: change, unrecorded: true })
  }
  const cancel = { cancel_reason: 'by-hand', cancel_by: 'anna' } as const

  it('is looked at before its deadline or a wish to cancel ends it', async () => {
    const done = await putBack('after 1m exit 0', { deadline: '1s' }, {})
    const wanted = await putBack('after 1m exit 0', {}, cancel)
    const runs = await putBack('forever', {}, cancel)
    expect(await world.until(done, 'succeeded', 'skipped')).toMatchObject({ state: 'succeeded', attempt: 1 })
    expect(await world.until(wanted, 'succeeded', 'cancelled')).toMatchObject({ state: 'succeeded' })
    expect(await world.until(runs, 'cancelled')).toMatchObject({ exit_code: 143 })
    for (const id of [done, wanted, runs]) expect(world.engine.starts.get(unitName(id, 1))).toBe(1)
  })

  it('and came to nothing, is ended by them as if it had waited', async () => {
    const late = await putBack(null, { deadline: '1s' }, {})
    const unwanted = await putBack(null, {}, cancel)
    expect(await world.until(late, 'succeeded', 'skipped')).toMatchObject({ reason: 'deadline', engine_id: null })
    expect(await world.until(unwanted, 'succeeded', 'cancelled')).toMatchObject({ state: 'cancelled' })
    for (const id of [late, unwanted]) expect(world.engine.starts.get(unitName(id, 1))).toBeUndefined()
  })
})
