import type { Cronjob, LogLine, Run } from '@pandastack/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { waitFor } from '../support/wait-for.ts'
import { createJob, followJob, rowsOf, shell, startJob, untilState, RUNS_HEAD } from './jobs.ts'
import { endWorld, startWorld, type World } from './world.ts'

expectNoChildProcesses()

const EVERY_TWO_SECONDS = '*/2 * * * * *'

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => endWorld(world))

function runsAre(name: string, what: string, satisfied: (runs: Run[]) => boolean): Promise<Run[]> {
  return waitFor(
    `${name}: ${what}`,
    async () => {
      const rows = await rowsOf(world, name)
      return satisfied(rows) && rows
    },
    45_000,
  )
}

const inState = (runs: readonly Run[], state: Run['state']): Run[] => runs.filter((run) => run.state === state)

/** One row per due time, none left out, whatever became of it. */
function expectEveryTick(runs: readonly Run[]): void {
  const due = runs.filter((run) => run.trigger !== 'manual').map((run) => Date.parse(run.dueAt))
  expect(due.length).toBeGreaterThan(2)
  expect(due).toEqual(due.map((_, index) => (due[0] ?? 0) + index * 2000))
  expect((due[0] ?? 0) % 2000).toBe(0)
}

describe('a cronjob by its schedule', () => {
  it('fires every two seconds, a row for every due time', async () => {
    const said = await createJob(world, 'ticker', 'echo "due $PANDA_DUE_AT"; echo "by $PANDA_TRIGGER" >&2', [
      '--schedule',
      EVERY_TWO_SECONDS,
      '--timezone',
      'Europe/Berlin',
    ])
    expect(said).toContain('Created cronjob ticker.')
    const runs = await runsAre('ticker', 'three runs', (rows) => inState(rows, 'succeeded').length >= 3)
    expectEveryTick(runs)
    for (const run of inState(runs, 'succeeded')) {
      expect(run).toMatchObject({ trigger: 'schedule', who: null, exitCode: 0, reason: null, attempt: 1 })
      expect(run.latenessMs).toBe(Date.parse(run.startedAt ?? '') - Date.parse(run.dueAt))
      expect(run.latenessMs).toBeGreaterThanOrEqual(0)
      expect(run.durationMs).toBe(Date.parse(run.finishedAt ?? '') - Date.parse(run.startedAt ?? ''))
      expect(run.dueLocal).toMatch(/Europe\/Berlin|[+]0[12]:00/)
    }
    const [first] = inState(runs, 'succeeded')
    const log = await world.panda.run(['run', 'logs', first?.id ?? ''])
    expect(log).toEqual({ code: 0, stdout: `due ${first?.dueAt}\n`, stderr: 'by schedule\n' })
  })

  it('warns that this is how one polls, on create and in get', async () => {
    const { stderr } = await world.panda.run(['cronjob', 'get', 'ticker'])
    expect(stderr).toContain('warning: It runs every 2s, which is how one polls')
    expect(stderr).toMatch(/queue.*worker/)
  })

  it('records the ticks of a paused one as skipped, and goes on after resume', async () => {
    expect(await world.panda.ok(['cronjob', 'pause', 'ticker'])).toContain('Paused cronjob ticker.')
    const paused = await runsAre(
      'ticker',
      'skipped ticks',
      (rows) => inState(rows, 'skipped').filter((run) => run.reason === 'paused').length >= 2,
    )
    const skipped = paused.filter((run) => run.reason === 'paused')
    for (const run of skipped) expect(run).toMatchObject({ state: 'skipped', startedAt: null, exitCode: null })
    expect(await world.panda.ok(['cronjob', 'list'])).toMatch(/ticker .* paused /)

    expect(await world.panda.ok(['cronjob', 'resume', 'ticker'])).toMatch(
      /Resumed cronjob ticker\. Next run: \w{3} .*Europe\/Berlin/,
    )
    const last = paused.at(-1)?.dueAt ?? ''
    const resumed = await runsAre('ticker', 'a run after the resume', (rows) =>
      inState(rows, 'succeeded').some((run) => run.dueAt > last),
    )
    expectEveryTick(resumed)
  })

  it('runs the new command after an update, and says what changed', async () => {
    const words = ['cronjob', 'update', 'ticker', '--env', 'GREETING=hello', '--timeout', '30s']
    const said = await world.panda.ok([...words, ...shell('echo "$GREETING again"')])
    expect(said).toContain('Updated cronjob ticker.')
    expect(said).toContain('timeout: 1h → 30s')
    expect(said).toContain('env GREETING: set')
    expect(said).toMatch(/command: .*PANDA_DUE_AT.* → .*GREETING again/)
    const changed = await runsAre('ticker', 'a run of revision 2', (rows) =>
      inState(rows, 'succeeded').some((run) => run.revision === 2),
    )
    const newest = inState(changed, 'succeeded').findLast((run) => run.revision === 2)
    expect(await world.panda.ok(['run', 'logs', newest?.id ?? ''])).toBe('hello again\n')
    expectEveryTick(changed)
    expect(await world.panda.ok([...words, ...shell('echo "$GREETING again"')])).toContain('already was as asked')
  })

  it('shows every run in the table, newest first', async () => {
    await world.panda.ok(['cronjob', 'update', 'ticker', '--schedule', '@yearly'])
    const table = await world.panda.ok(['cronjob', 'runs', 'ticker', '--limit', '3'])
    const [head, ...rows] = table.trimEnd().split('\n')
    expect(head?.split(/\s+/)).toEqual(RUNS_HEAD)
    expect(rows).toHaveLength(3)
    const runs = (await rowsOf(world, 'ticker')).toReversed()
    expect(rows.map((row) => row.split(/\s+/)[0])).toEqual(runs.slice(0, 3).map((run) => run.id.slice(-8)))
    const skippedOnly = await world.panda.json<{ items: Run[] }>(['cronjob', 'runs', 'ticker', '--state', 'skipped'])
    expect(skippedOnly.items.map((run) => run.id)).toEqual(
      inState(runs, 'skipped')
        .map((run) => run.id)
        .slice(0, 20),
    )
    expect(skippedOnly.items.length).toBeGreaterThanOrEqual(2)
  })
})

describe('logs', () => {
  const script = 'echo "out 1"; echo "err 1" >&2; sleep 1.2; echo "out 2"; echo "err 2" >&2; printf "no line end"'
  let id: string

  beforeAll(async () => {
    await createJob(world, 'talker', script)
    id = (await followJob(world, 'talker')).run.id
  })

  it('keeps stdout and stderr apart, also when the container is gone', async () => {
    const label = `panda.run=${id}`
    const gone = async () =>
      (await world.docker.engine.listContainers({ all: true, filters: { label: [label] } })).length === 0
    await waitFor('the container to be removed', gone)
    const both = { code: 0, stdout: 'out 1\nout 2\nno line end\n', stderr: 'err 1\nerr 2\n' }
    expect(await world.panda.run(['run', 'logs', id])).toEqual(both)
    expect(await world.panda.run(['run', 'logs', 'talker'])).toEqual(both)
    expect(await world.panda.run(['run', 'logs', id.slice(-8), '--stream', 'stderr'])).toEqual({ ...both, stdout: '' })
  })

  it('has timestamps of when each line was written', async () => {
    const { stdout } = await world.panda.run(['run', 'logs', id, '--timestamps', '--stream', 'stdout'])
    const lines = stdout.trimEnd().split('\n')
    const times = lines.map((line) => Date.parse(/^(\d{4}-\d\d-\d\dT\S+Z) (out|no)/.exec(line)?.[1] ?? ''))
    expect(times).toHaveLength(3)
    // Between the first and the second line it slept.
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1150)
  })

  it('gives the end of it, and what came since a moment', async () => {
    const asked = async (...options: string[]): Promise<LogLine[]> => {
      const text = await world.panda.ok(['run', 'logs', id, '-o', 'json', ...options])
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as LogLine)
    }
    const all = await asked()
    expect(all.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5])
    expect(await asked('--tail', '2')).toEqual(all.slice(-2))
    expect(await asked('--tail', '0')).toEqual([])
    // Two pipes: the engine may see the second line of stderr before that of stdout.
    const [since = ''] = all
      .filter(({ text }) => /^(out|err) 2$/.test(text))
      .map(({ time }) => time)
      .toSorted()
    expect((await asked('--since', since)).map(({ text }) => text).toSorted()).toEqual([
      'err 2',
      'no line end',
      'out 2',
    ])
    expect(await asked('--since', '10m')).toEqual(all)
    expect(await asked('--attempt', '2')).toEqual([])
  })

  it('is live while the container runs, to several readers, and ends with the verdict', async () => {
    await createJob(world, 'slow', 'echo first; sleep 4; echo second >&2; exit 3')
    const running = await startJob(world, 'slow')
    const readers = [
      world.panda.start(['run', 'logs', running, '--follow']),
      world.panda.start(['run', 'logs', 'slow', '--follow']),
    ]
    for (const reader of readers) await waitFor('the first line', () => reader.stdout() === 'first\n', 20_000)
    const during = await world.panda.json<Run>(['run', 'get', running])
    expect(during).toMatchObject({ state: 'running', phase: 'running', finishedAt: null })
    for (const reader of readers) expect(reader.hasEnded()).toBe(false)
    for (const reader of readers) {
      const { code, stdout, stderr } = await reader.ended
      // Showing a log that ends badly is no failure of the showing.
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'first\n' })
      expect(stderr).toMatch(/^second\nslow failed \(exit code 3\) after [45]\.\ds: exited with code 3\n$/)
    }
    const again = await world.panda.run(['run', 'logs', running, '--follow'])
    expect(again.stderr).toContain('slow failed (exit code 3)')
  })

  it('goes on without the one who watched', async () => {
    const running = await startJob(world, 'slow')
    const reader = world.panda.start(['run', 'logs', running, '--follow'])
    await waitFor('the first line', () => reader.stdout() === 'first\n', 20_000)
    reader.signal('SIGINT')
    const { code, stderr } = await reader.ended
    expect(code).toBe(130)
    expect(stderr).toContain(`panda run logs ${running} --follow`)
    expect((await untilState(world, running, 'failed')).exitCode).toBe(3)
  })
})

describe('started by hand', () => {
  it('takes arguments and variables for one run, and gives its own exit code on demand', async () => {
    await createJob(world, 'job', 'echo "usual $WHO"', ['--env', 'WHO=me'])
    const usual = await followJob(world, 'job')
    expect(usual).toMatchObject({ code: 0, stdout: 'usual me\n' })
    expect(usual.run).toMatchObject({ trigger: 'manual', who: 'local', overrides: {} })

    const other = ['--env', 'WHO=you', ...shell('echo "other $WHO"; exit 7')]
    const changed = await followJob(world, 'job', ['--exit-code', ...other])
    expect(changed).toMatchObject({ code: 7, stdout: 'other you\n' })
    expect(changed.stderr).toContain('job failed (exit code 7)')
    expect(changed.run).toMatchObject({ exitCode: 7, reason: 'exit-code' })
    expect(changed.run.overrides).toEqual({ env: { WHO: 'you' }, command: ['sh', '-c', 'echo "other $WHO"; exit 7'] })
    expect((await followJob(world, 'job', other)).code).toBe(5)
    // The cronjob itself is as it was.
    expect((await followJob(world, 'job')).stdout).toBe('usual me\n')
  })

  it('waits without showing the log, and no longer than it was told', async () => {
    const quick = await world.panda.run(['cronjob', 'run', 'job', '--wait'])
    expect(quick).toMatchObject({ code: 0, stdout: '' })
    expect(quick.stderr).toMatch(/job succeeded after/)
    const ended = await world.panda.json<Run>(['cronjob', 'run', 'job', '--wait'])
    expect(ended).toMatchObject({ state: 'succeeded', cronjob: 'job', exitCode: 0 })
    const impatient = await world.panda.run(['cronjob', 'run', 'job', '--wait', '--timeout', '1s', ...shell('sleep 4')])
    expect(impatient.code).toBe(6)
    const id = /panda run cancel (run_\w+)/.exec(impatient.stderr)?.[1] ?? ''
    await untilState(world, id, 'succeeded')
  })
})

describe('deleting', () => {
  it('asks first, ends what runs, and frees the name', async () => {
    await createJob(world, 'doomed', 'echo here; sleep 60')
    const id = await startJob(world, 'doomed')
    await untilState(world, id, 'running')
    expect(await world.panda.run(['cronjob', 'delete', 'doomed'])).toMatchObject({ code: 2 })
    expect(await world.panda.ok(['cronjob', 'delete', 'doomed', '--yes'])).toBe('Deleted cronjob doomed.\n')
    expect(await world.panda.run(['cronjob', 'get', 'doomed'])).toMatchObject({ code: 3 })
    expect(await untilState(world, id, 'cancelled')).toMatchObject({ reason: 'deleted' })
    expect(await world.panda.ok(['cronjob', 'list', '-o', 'name'])).not.toContain('doomed')
    await createJob(world, 'doomed', 'echo new')
    const again = await world.panda.json<Cronjob>(['cronjob', 'get', 'doomed'])
    expect(again).toMatchObject({ revision: 1, lastRun: null })
  })
})
