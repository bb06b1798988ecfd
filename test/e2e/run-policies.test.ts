import type { Run, RunDetail } from '@pandastack/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { waitFor } from '../support/wait-for.ts'
import { createJob, followJob, rowsOf, shell, startJob, untilLogged, untilState } from './jobs.ts'
import { endWorld, startWorld, type World } from './world.ts'

expectNoChildProcesses()

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => endWorld(world))

const started = (run: Run): number => Date.parse(run.startedAt ?? '')
const finished = (run: Run): number => Date.parse(run.finishedAt ?? '')

describe('how a run ends', () => {
  it('is cancelled by SIGTERM, which the program hears', async () => {
    await createJob(world, 'polite', 'trap "echo told to stop; exit 0" TERM; echo ready; while :; do sleep 0.05; done')
    const id = await startJob(world, 'polite')
    await untilLogged(world, id, 'ready')
    expect(await world.panda.ok(['run', 'cancel', id])).toMatch(/^(Stopping|Cancelled) run run_\w+ of polite\.\n$/)
    const run = await untilState(world, id, 'cancelled')
    expect(run).toMatchObject({ reason: 'by-hand', exitCode: 0 })
    expect(run.message).toContain('local')
    expect(await world.panda.ok(['run', 'logs', id])).toBe('ready\ntold to stop\n')
    const again = await world.panda.run(['run', 'cancel', id])
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('run_finished') })
  })

  it('is killed after the grace time when it does not listen', async () => {
    await createJob(world, 'stubborn', 'trap "" TERM; echo ready; while :; do sleep 0.05; done', ['--grace', '1s'])
    const id = await startJob(world, 'stubborn')
    await untilLogged(world, id, 'ready')
    const askedAt = Date.now()
    await world.panda.ok(['run', 'cancel', 'stubborn'])
    const run = await untilState(world, id, 'cancelled')
    expect(run).toMatchObject({ reason: 'by-hand', exitCode: 137 })
    expect(finished(run) - askedAt).toBeGreaterThanOrEqual(950)
    expect(finished(run) - askedAt).toBeLessThan(9000)
  })

  it('has a time limit', async () => {
    const endless = 'echo ready; while :; do sleep 0.05; done'
    await createJob(world, 'polite-late', `trap "exit 9" TERM; ${endless}`, ['--timeout', '1s'])
    const polite = await followJob(world, 'polite-late')
    expect(polite.code).toBe(5)
    expect(polite.run).toMatchObject({ state: 'failed', reason: 'timeout', exitCode: 9 })
    expect(polite.run.message).toBe('did not end within 1s; ended by SIGTERM (exit code 9)')
    expect(polite.run.durationMs).toBeGreaterThanOrEqual(1000)

    await createJob(world, 'deaf-late', `trap "" TERM; ${endless}`, ['--timeout', '1s', '--grace', '1s'])
    const deaf = await followJob(world, 'deaf-late')
    expect(deaf.run).toMatchObject({ state: 'failed', reason: 'timeout', exitCode: 137 })
    expect(deaf.run.message).toBe('did not end within 1s; SIGTERM, then SIGKILL after 1s')
  })

  it('tells a signal from an exit code', async () => {
    await createJob(world, 'own-end', 'kill -9 $$')
    const { code, run } = await followJob(world, 'own-end')
    expect(code).toBe(5)
    expect(run).toMatchObject({ state: 'failed', reason: 'signal', exitCode: 137 })
    expect(run.message).toContain('SIGKILL')
  })

  it('says which command is not in the image', async () => {
    await createJob(world, 'no-command', 'true')
    const { code, run, stderr } = await followJob(world, 'no-command', ['--', 'not-a-program', 'x'])
    expect(code).toBe(5)
    expect(run).toMatchObject({ state: 'failed', exitCode: 127 })
    expect(stderr).toContain('not-a-program')
  })

  it('is out of memory, also when only a child was killed and the exit code is 0', async () => {
    await createJob(world, 'hungry', 'exec tail /dev/zero', ['--memory', '32Mi'])
    const { run } = await followJob(world, 'hungry')
    expect(run).toMatchObject({ state: 'failed', reason: 'out-of-memory', exitCode: 137 })
    expect(run.message).toContain('32Mi')

    await createJob(world, 'hungry-child', 'tail /dev/zero; echo "survived"; exit 0', ['--memory', '32Mi'])
    const child = await followJob(world, 'hungry-child')
    expect(child.stdout).toBe('survived\n')
    expect(child.code).toBe(5)
    expect(child.run).toMatchObject({ state: 'failed', reason: 'out-of-memory', exitCode: 0 })

    const enough = await followJob(world, 'hungry-child', shell('echo little'))
    expect(enough.run).toMatchObject({ state: 'succeeded', reason: null })
  })
})

describe('retries', () => {
  it('are attempts of one run, each with its own row and log', async () => {
    const script = 'echo "attempt $PANDA_ATTEMPT"; [ "$PANDA_ATTEMPT" = 3 ] || exit "4$PANDA_ATTEMPT"'
    const said = await createJob(world, 'third-time', script, ['--retries', '2', '--backoff', 'fixed:200ms'])
    expect(said).toContain('Created')
    const { code, stdout, run } = await followJob(world, 'third-time')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'attempt 1\nattempt 2\nattempt 3\n' })
    expect(run).toMatchObject({ state: 'succeeded', attempt: 3, maxAttempts: 3, exitCode: 0, lostAttempts: 0 })
    expect(run.attempts.map(({ number, outcome, exitCode }) => [number, outcome, exitCode])).toEqual([
      [1, 'failed', 41],
      [2, 'failed', 42],
      [3, 'succeeded', 0],
    ])
    expect(await rowsOf(world, 'third-time')).toHaveLength(1)
    expect(await world.panda.ok(['run', 'logs', run.id, '--attempt', '2'])).toBe('attempt 2\n')
    expect(await world.panda.ok(['run', 'get', run.id])).toMatch(/2 +failed +exit-code +42 /)
  })

  it('end with the last failure, and are cut off by a cancel', async () => {
    await createJob(world, 'never', 'exit 5', ['--retries', '1', '--backoff', '100ms'])
    const { run } = await followJob(world, 'never')
    expect(run).toMatchObject({ state: 'failed', reason: 'exit-code', exitCode: 5, attempt: 2 })

    await world.panda.ok(['cronjob', 'update', 'never', '--backoff', '10m'])
    const id = await startJob(world, 'never')
    await untilState(world, id, 'retrying')
    expect(await world.panda.ok(['run', 'cancel', id])).toContain('Cancelled run')
    expect((await untilState(world, id, 'cancelled')).attempts).toHaveLength(1)
  })
})

describe('replay', () => {
  it('runs what was, or what is now', async () => {
    await createJob(world, 'changing', 'echo "old $V $W"; exit 3', ['--env', 'V=1'])
    await world.panda.ok(['env', 'set', 'W=then'])
    const first = await followJob(world, 'changing')
    expect(first.stdout).toBe('old 1 then\n')
    await world.panda.ok(['cronjob', 'update', 'changing', '--env', 'V=2', ...shell('echo "new $V $W"')])
    await world.panda.ok(['env', 'set', 'W=today'])

    const asItWas = await world.panda.run(['run', 'replay', first.run.id, '--follow'])
    expect(asItWas).toMatchObject({ code: 5, stdout: 'old 1 then\n' })
    const row = await world.panda.json<RunDetail>(['run', 'get', 'changing'])
    expect(row).toMatchObject({ trigger: 'replay', replayOf: first.run.id, who: 'local', exitCode: 3, revision: 1 })
    expect(row.imageDigest).toBe(first.run.imageDigest)

    const asNow = await world.panda.run(['run', 'replay', first.run.id, '--as', 'now', '--follow'])
    expect(asNow).toMatchObject({ code: 0, stdout: 'new 2 today\n' })
    const changed = await world.panda.run(['run', 'replay', first.run.id, '--env', 'V=9', '--wait', ...shell('exit 0')])
    expect(changed.code).toBe(0)
    await world.panda.ok(['env', 'unset', 'W'])
  })
})

describe('runs that overlap', () => {
  const script = 'echo start; sleep 2.5; echo end'
  const policies = ['allow', 'forbid', 'replace', 'queue'] as const
  const rows: Record<string, Run[]> = {}

  beforeAll(async () => {
    const options = (policy: string) => ['--schedule', '*/2 * * * * *', '--concurrency', policy, '--grace', '0s']
    for (const policy of policies) await createJob(world, policy, script, options(policy))
    const ended = (runs: readonly Run[]): number => runs.filter((run) => run.finishedAt !== null).length
    const pause = (policy: string) => world.panda.ok(['cronjob', 'pause', policy])
    // The queue grows by each tick, so it is paused first.
    await waitFor('four ticks of queue', async () => (await rowsOf(world, 'queue')).length >= 4, 60_000)
    await pause('queue')
    for (const policy of ['allow', 'forbid', 'replace']) {
      await waitFor(`four ends of ${policy}`, async () => ended(await rowsOf(world, policy)) >= 4, 60_000)
      await pause(policy)
    }
    for (const policy of policies) {
      const rest = async () => (await rowsOf(world, policy)).filter((run) => ['running', 'queued'].includes(run.state))
      await waitFor(`the runs of ${policy} to end`, async () => (await rest()).length === 0, 60_000)
      rows[policy] = (await rowsOf(world, policy)).filter((run) => run.reason !== 'paused')
    }
  })

  const ran = (policy: string): Run[] => (rows[policy] ?? []).filter((run) => run.startedAt !== null)
  /** Pairs of runs that were alive at the same moment. */
  const overlaps = (runs: readonly Run[]): number =>
    runs.slice(1).filter((run, index) => started(run) < finished(runs[index] ?? run)).length

  it.each(policies)('have a row for every due time under %s', (policy) => {
    const due = (rows[policy] ?? []).map((run) => Date.parse(run.dueAt))
    expect(due).toEqual(due.map((_, index) => (due[0] ?? 0) + index * 2000))
  })

  it('run side by side under allow', () => {
    expect(new Set(ran('allow').map((run) => run.state))).toEqual(new Set(['succeeded']))
    expect(overlaps(ran('allow'))).toBeGreaterThanOrEqual(1)
  })

  it('are skipped under forbid', () => {
    expect(overlaps(ran('forbid'))).toBe(0)
    const skipped = (rows['forbid'] ?? []).filter((run) => run.state === 'skipped')
    expect(skipped.length).toBeGreaterThanOrEqual(1)
    for (const run of skipped) expect(run).toMatchObject({ reason: 'overlap', startedAt: null })
  })

  it('end the one before under replace', () => {
    const runs = ran('replace')
    expect(overlaps(runs)).toBe(0)
    const [last, ...others] = runs.toReversed()
    expect(last?.state).toBe('succeeded')
    expect(others.length).toBeGreaterThanOrEqual(2)
    for (const run of others) expect(run).toMatchObject({ state: 'cancelled', reason: 'replaced' })
  })

  it('wait their turn under queue', () => {
    const runs = ran('queue')
    expect(runs.length).toBe((rows['queue'] ?? []).length)
    expect(overlaps(runs)).toBe(0)
    for (const run of runs) expect(run.state).toBe('succeeded')
    expect(runs.at(-1)?.latenessMs).toBeGreaterThan(1000)
  })
})
