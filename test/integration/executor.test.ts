import { PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unitName } from '../../packages/server/src/runtime/driver.ts'
import { NO_SETTINGS, RunsWorld, type TestServer } from '../support/runs-world.ts'
import { waitFor } from '../support/wait-for.ts'

let world: RunsWorld
let server: TestServer
beforeAll(async () => {
  world = await RunsWorld.open()
  server = await world.server({
    settings: { ...NO_SETTINGS, env: { REGION: 'eu' }, secrets: { MAIL_API_KEY: 'hidden-value-123' } },
  })
})
afterAll(() => world[Symbol.asyncDispose]())

const linesOf = async (id: string): Promise<string> => {
  const chunks = await world.db.selectFrom('log_chunks').select('body').where('run_id', '=', id).execute()
  return chunks.map((chunk) => chunk.body).join('\n')
}
const unitsLeft = (): string[] => [...world.engine.list()].map((unit) => unit.spec.name)

describe('an attempt', () => {
  it('succeeds: start, log, digest and variables on record, unit removed', async () => {
    const id = await world.queue(await world.cronjob('after 100ms log 3 exit 0', { env: { MODE: 'fast' } }))
    const run = await world.until(id, 'succeeded')
    expect(run).toMatchObject({
      exit_code: 0,
      reason: null,
      message: null,
      attempt: 1,
      phase: null,
      server_id: server.id,
    })
    expect(run.image_digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(run.env_snapshot).toEqual({ REGION: 'eu', MODE: 'fast' })
    expect(run.started_at?.getTime()).toBeGreaterThanOrEqual(run.due_at.getTime())
    expect((run.finished_at?.getTime() ?? 0) - (run.started_at?.getTime() ?? 0)).toBeGreaterThanOrEqual(90)
    expect(await world.attempts(id)).toMatchObject([
      { number: 1, outcome: 'succeeded', exit_code: 0, server_id: server.id },
    ])
    expect(await linesOf(id)).toContain('out 3')
    await waitFor('its unit to be removed', () => !unitsLeft().includes(unitName(id, 1)))
  })

  it.each([
    ['exit 3', 'failed', 'exit-code', 'exited with code 3', 3],
    ['exit 137', 'failed', 'signal', 'was ended by SIGKILL (exit code 137)', 137],
    ['oom', 'failed', 'out-of-memory', 'was killed: it used more than its 512Mi of memory (exit code 137)', 137],
    ['oom exit 0', 'failed', 'out-of-memory', 'was killed: it used more than its 512Mi of memory (exit code 0)', 0],
    ['lost', 'lost', 'lost', 'the fake engine has lost the exit code', null],
    ['fail-start no-such-program', 'failed', 'start-failed', 'no-such-program', null],
  ] as const)('%s → %s/%s', async (command, state, reason, message, exitCode) => {
    const id = await world.queue(await world.cronjob(command))
    expect(await world.until(id, 'failed', 'lost')).toMatchObject({ state, reason, message, exit_code: exitCode })
    expect(await world.attempts(id)).toMatchObject([{ outcome: state, reason, message, exit_code: exitCode }])
  })

  it.each([
    ['fake.test/missing:1', 'image-not-found'],
    ['fake.test/refused:1', 'registry-refused'],
    ['fake.test/away:1', 'registry-away'],
  ])('passes on what the registry says: %s', async (image, reason) => {
    const id = await world.queue(await world.cronjob('', { image }))
    const run = await world.until(id, 'failed')
    expect(run).toMatchObject({
      reason,
      message: `the fake registry answered ${reason} for ${image}`,
      started_at: null,
    })
  })

  it('ends at its timeout: by SIGTERM, or by SIGKILL after the grace', async () => {
    const soft = await world.queue(await world.cronjob('forever', { timeout: '200ms' }))
    const hard = await world.queue(await world.cronjob('forever ignore-term', { timeout: '200ms', grace: '100ms' }))
    expect(await world.until(soft, 'failed')).toMatchObject({
      reason: 'timeout',
      exit_code: 143,
      message: 'did not end within 200ms; ended by SIGTERM (exit code 143)',
    })
    expect(await world.until(hard, 'failed')).toMatchObject({
      reason: 'timeout',
      exit_code: 137,
      message: 'did not end within 200ms; SIGTERM, then SIGKILL after 100ms',
    })
  })

  it('hides secrets in the log and gives them to the unit', async () => {
    const id = await world.queue(await world.cronjob('env MAIL_API_KEY env PANDA_RUN_ID'))
    await world.until(id, 'succeeded')
    const text = await linesOf(id)
    expect(text).toContain('[redacted]')
    expect(text).not.toContain('hidden-value-123')
    expect(text).toContain(id)
  })

  it('applies what one run changes', async () => {
    const overrides = JSON.stringify({ command: ['exit', '9'] })
    const id = await world.queue(await world.cronjob('exit 0'), { overrides: overrides as never })
    expect(await world.until(id, 'failed')).toMatchObject({ exit_code: 9 })
  })

  it('is tried again with a backoff, and its log and attempts are kept apart', async () => {
    const retry = { attempts: 3, backoff: { kind: 'fixed' as const, delay: '50ms', jitter: 0 } }
    const id = await world.queue(await world.cronjob('exit 4 log 1', { retry }))
    const run = await world.until(id, 'failed')
    expect(run).toMatchObject({ attempt: 3, fence: 3, lost_attempts: 0, exit_code: 4 })
    expect((await world.attempts(id)).map((attempt) => attempt.number)).toEqual([1, 2, 3])
    expect([1, 2, 3].map((number) => world.engine.starts.get(unitName(id, number)))).toEqual([1, 1, 1])
  })

  it('counts crashes apart: after the third the run is lost, whatever attempts are left', async () => {
    const retry = { attempts: 9, backoff: { kind: 'fixed' as const, delay: '20ms', jitter: 0 } }
    const id = await world.queue(await world.cronjob('lost', { retry }))
    expect(await world.until(id, 'lost')).toMatchObject({ attempt: 3, lost_attempts: 3 })
  })

  it('keeps to its slots and takes the longest waiting first', async () => {
    await using small = await RunsWorld.open()
    const job = await small.cronjob('after 60ms')
    const ids: string[] = []
    for (let index = 0; index < 8; index++) {
      ids.push(await small.queue(job, { available_at: new Date(Date.now() - 10_000 + index) }))
    }
    const two = await small.server({ maxRuns: 2 })
    let most = 0
    await waitFor('all to end', async () => {
      most = Math.max(most, [...small.engine.list()].filter((unit) => unit.end === null).length)
      expect(two.executor.activeRuns).toBeLessThanOrEqual(2)
      const states = await Promise.all(ids.map((id) => small.run(id)))
      return states.every((run) => run.state === 'succeeded')
    })
    expect(most).toBeLessThanOrEqual(2)
    const started = await Promise.all(ids.map(async (id) => (await small.run(id)).started_at?.getTime() ?? 0))
    expect(started).toEqual([...started].sort((a, b) => a - b))
  })
})

describe('settings that cannot be had', () => {
  it('end the run with the reason and the way out', async () => {
    await using other = await RunsWorld.open()
    const error = new PandaError('internal', 'The secret A cannot be opened: wrong key.', { hint: 'Put the key back.' })
    await other.server({ settings: error })
    const id = await other.queue(await other.cronjob('exit 0'))
    expect(await other.until(id, 'failed')).toMatchObject({
      reason: 'secret-missing',
      message: 'The secret A cannot be opened: wrong key. Put the key back.',
    })
    expect(other.engine.starts.size).toBe(0)
  })
})

describe('cancel', () => {
  const cancel = (id: string, reason: 'by-hand' | 'replaced' = 'by-hand') =>
    world.db.updateTable('runs').set({ cancel_reason: reason, cancel_by: 'anna' }).where('id', '=', id).execute()

  it('stops a run that runs, without a notification too', async () => {
    const id = await world.queue(await world.cronjob('forever'))
    await world.untilStarted(id)
    await cancel(id)
    expect(await world.until(id, 'cancelled')).toMatchObject({ reason: 'by-hand', message: 'was cancelled by anna' })
    expect(await world.attempts(id)).toMatchObject([{ outcome: 'cancelled', exit_code: 143 }])
    await waitFor('its unit to be removed', () => !unitsLeft().includes(unitName(id, 1)))
  })

  it('is not tried again when it fails meanwhile', async () => {
    const retry = { attempts: 5, backoff: { delay: '1h' } }
    const id = await world.queue(await world.cronjob('exit 1 after 300ms', { retry }))
    await world.untilStarted(id)
    await cancel(id, 'replaced')
    expect(await world.until(id, 'cancelled', 'retrying')).toMatchObject({ state: 'cancelled', reason: 'replaced' })
  })

  it('ends a run that waits for its next attempt', async () => {
    const retry = { attempts: 2, backoff: { delay: '1h' } }
    const id = await world.queue(await world.cronjob('exit 1', { retry }))
    await world.until(id, 'retrying')
    await cancel(id)
    expect(await world.until(id, 'cancelled')).toMatchObject({ reason: 'by-hand', attempt: 1 })
  })
})

describe('an engine that is away', () => {
  it('uses up no attempt: the run waits, says so, and starts once when it is back', async () => {
    await using other = await RunsWorld.open()
    other.engine.away = true
    await other.server()
    const id = await other.queue(await other.cronjob('exit 0'))
    const waiting = await waitFor('it to be put back', async () => {
      const run = await other.run(id)
      return run.state === 'queued' && run.reason === 'engine-away' ? run : false
    })
    expect(waiting).toMatchObject({ attempt: 0, engine_id: null })
    expect(waiting.message).toContain('the fake engine is away')
    other.engine.away = false
    expect(await other.until(id, 'succeeded')).toMatchObject({ attempt: 1, reason: null, message: null })
    expect(other.engine.starts.get(unitName(id, 1))).toBe(1)
  })

  it('is waited for by what runs', async () => {
    await using other = await RunsWorld.open()
    await other.server()
    const id = await other.queue(await other.cronjob('exit 5 after 300ms log 2'))
    await other.untilStarted(id)
    other.engine.away = true
    await waitFor(
      'its program to end',
      () => (other.engine.get(unitName(id, 1))?.startedAtMs ?? Infinity) + 400 < Date.now(),
    )
    expect((await other.run(id)).state).toBe('running')
    other.engine.away = false
    expect(await other.until(id, 'failed')).toMatchObject({ exit_code: 5, attempt: 1 })
  })

  it('does not keep a run beyond its deadline', async () => {
    await using other = await RunsWorld.open()
    other.engine.away = true
    await other.server()
    const id = await other.queue(await other.cronjob('exit 0', { deadline: '1s' }))
    const run = await other.until(id, 'skipped')
    expect(run).toMatchObject({ reason: 'deadline', message: 'could not start within 1s of its due time' })
  })
})

describe('a database that goes and comes', () => {
  it('loses no result and starts nothing twice', async () => {
    await using other = await RunsWorld.open()
    await other.server({ maxRuns: 20 })
    const job = await other.cronjob('after 150ms log 3 exit 0')
    const ids: string[] = []
    for (let index = 0; index < 60; index++) ids.push(await other.queue(job))
    let cuts = 0
    await waitFor(
      'all to end',
      async () => {
        const { rows } = await sql<{ left: number }>`
          select count(*) as left from runs where state not in ('succeeded', 'failed', 'lost')`.execute(other.db)
        if (rows[0]?.left === 0) return true
        if (cuts++ % 10 === 0) await cutConnections(other)
        return false
      },
      60_000,
    )
    for (const id of ids) {
      expect(await other.run(id)).toMatchObject({ state: 'succeeded', attempt: 1 })
      expect(await other.attempts(id)).toHaveLength(1)
      expect(other.engine.starts.get(unitName(id, 1))).toBe(1)
    }
    expect(cuts).toBeGreaterThan(10)
  })
})

/** Every connection of the servers, not the test's own. */
async function cutConnections(other: RunsWorld): Promise<void> {
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`.execute(other.db)
}
