import type { Cronjob, LogLine, Run } from '@pandastack/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { waitFor } from '../support/wait-for.ts'
import type { Panda } from './panda.ts'
import { endWorld, startWorld, type World } from './world.ts'

expectNoChildProcesses()

let world: World
let panda: Panda

beforeAll(async () => {
  world = await startWorld()
  panda = world.panda
  const create = ['cronjob', 'create', 'job', '--image', world.image, '--schedule', '@yearly', '--concurrency', 'allow']
  await panda.ok([...create, '--grace', '1s', '--', 'sh', '-c', 'echo one; echo two >&2; echo three'])
})
afterAll(async () => endWorld(world))

const shell = (script: string): string[] => ['--', 'sh', '-c', script]

describe('waiting for a run', () => {
  it('--follow shows stdout and stderr apart and ends with the verdict', async () => {
    const { code, stdout, stderr } = await panda.run(['cronjob', 'run', 'job', '--follow'])
    expect(code).toBe(0)
    expect(stdout).toBe('one\nthree\n')
    expect(stderr).toContain('\ntwo\n')
    expect(stderr).toMatch(/job succeeded after \S+\n$/)
  })

  it('a failed run gives 5, or the code of the container', async () => {
    const failing = await panda.run(['cronjob', 'run', 'job', '--wait', ...shell('exit 42')])
    expect(failing.code).toBe(5)
    expect(failing.stdout).toBe('')
    expect(failing.stderr).toMatch(/job failed \(exit code 42\)/)
    const own = await panda.run(['cronjob', 'run', 'job', '--wait', '--exit-code', ...shell('exit 42')])
    expect(own.code).toBe(42)
  })

  it('-o json gives the run on stdout and its log on stderr', async () => {
    const { code, stdout, stderr } = await panda.run(['cronjob', 'run', 'job', '--follow', '-o', 'json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout) as Run).toMatchObject({ cronjob: 'job', state: 'succeeded', exitCode: 0 })
    expect(stderr).toContain('one\n')
  })

  it('--timeout gives 6, and the run goes on', async () => {
    const { code, stderr } = await panda.run([
      'cronjob',
      'run',
      'job',
      '--wait',
      '--timeout',
      '1s',
      ...shell('sleep 60'),
    ])
    expect(code).toBe(6)
    const id = /panda run get (run_[0-9a-f]{32})/.exec(stderr)?.[1] ?? ''
    expect((await panda.json<Run>(['run', 'get', id])).finishedAt).toBeNull()
    await panda.ok(['run', 'cancel', id])
    await panda.until<Run>('the run to be cancelled', ['run', 'get', id], ({ state }) => state === 'cancelled')
  })

  it('Ctrl-C gives 130, says how to go on, and the run goes on', async () => {
    const running = panda.start(['cronjob', 'run', 'job', '--follow', ...shell('echo begun; sleep 60')])
    await waitFor('the log', () => running.stdout().includes('begun'), 60_000)
    running.signal('SIGINT')
    const { code, stderr } = await running.ended
    expect(code).toBe(130)
    const id = /panda run logs (run_[0-9a-f]{32}) --follow/.exec(stderr)?.[1] ?? ''
    expect((await panda.json<Run>(['run', 'get', id])).state).toBe('running')
    await panda.ok(['run', 'cancel', id])
    const { code: waited } = await panda.run(['run', 'logs', id, '--follow'])
    expect(waited).toBe(0)
  })

  it('a manual run takes env and words of its own', async () => {
    const args = ['cronjob', 'run', 'job', '--follow', '--env', 'GREETING=-hello=', ...shell('echo "$GREETING"')]
    expect(await panda.ok(args)).toBe('-hello=\n')
  })
})

describe('logs', () => {
  const lines = (text: string) => text.split('\n').filter((line) => line !== '')

  it('--tail, --timestamps, --stream, and a part of the id', async () => {
    const id = (
      await panda.ok([
        'cronjob',
        'run',
        'job',
        '-o',
        'name',
        ...shell('for i in 1 2 3 4 5; do echo $i; done; echo e >&2'),
      ])
    ).trim()
    await panda.until<Run>('the run to end', ['run', 'get', id], ({ finishedAt }) => finishedAt !== null)
    const short = id.slice(-8)
    expect(await panda.ok(['run', 'logs', short, '--stream', 'stdout'])).toBe('1\n2\n3\n4\n5\n')
    const tail = await panda.run(['run', 'logs', id, '--tail', '2'])
    expect(lines(tail.stdout + tail.stderr)).toHaveLength(2)
    expect(await panda.ok(['run', 'logs', 'job', '--timestamps', '--stream', 'stdout'])).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z 1\n/,
    )
    const json = lines(await panda.ok(['run', 'logs', id, '-o', 'json'])).map((line) => JSON.parse(line) as LogLine)
    expect(json.map(({ text }) => text).toSorted()).toEqual(['1', '2', '3', '4', '5', 'e'])
    expect((await panda.run(['run', 'logs', id, '--since', '1h'])).stdout).toBe('1\n2\n3\n4\n5\n')
  })

  it('gives a pipe the bytes as they were written, and plain text with NO_COLOR', async () => {
    const id = (
      await panda.ok(['cronjob', 'run', 'job', '-o', 'name', ...shell(String.raw`printf '\033[31mred\033[2J\n'`)])
    ).trim()
    await panda.until<Run>('the run to end', ['run', 'get', id], ({ finishedAt }) => finishedAt !== null)
    expect(await panda.ok(['run', 'logs', id])).toBe('\u001b[31mred\u001b[2J\n')
    expect(await panda.with({ NO_COLOR: '1' }).ok(['run', 'logs', id])).toBe('red\n')
  })

  it('are complete for 30,000 lines, over pages and live', async () => {
    const many = shell('i=0; while [ $i -lt 30000 ]; do i=$((i+1)); echo $i; done')
    const expected = Array.from({ length: 30_000 }, (_, index) => String(index + 1))
    const followed = await panda.ok(['cronjob', 'run', 'job', '--follow', ...many])
    expect(lines(followed)).toEqual(expected)
    expect(lines(await panda.ok(['run', 'logs', 'job']))).toEqual(expected)
  })

  it('end quietly when the reader goes away', async () => {
    const running = panda.start(['run', 'logs', 'job'])
    running.closeStdout()
    const { code, stderr } = await running.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

describe('changing a cronjob', () => {
  it('update changes only what is named and says what changed', async () => {
    const create = ['cronjob', 'create', 'plain', '--image', world.image, '--schedule', '0 8 * * *', '--retries', '2']
    await panda.ok([...create, '--backoff', 'fixed:7s', '--env', 'A=1', '--env', 'B=2'])
    const before = await panda.json<Cronjob>(['cronjob', 'get', 'plain'])
    const update = ['cronjob', 'update', 'plain', '--retries', '4', '--env', 'C=3', '--unset-env', 'A']
    const stdout = await panda.ok(update)
    expect(stdout).toContain('env A: removed')
    expect(stdout).toContain('env C: set')
    expect(stdout).toMatch(/retry: .*"attempts":3.* → .*"attempts":5/)
    const after = await panda.json<Cronjob>(['cronjob', 'get', 'plain'])
    expect(after).toMatchObject({
      ...before,
      env: { B: '2', C: '3' },
      retry: { ...before.retry, attempts: 5 },
      revision: before.revision + 1,
      updatedAt: after.updatedAt,
      warnings: after.warnings,
    })
    expect(await panda.ok(['cronjob', 'update', 'plain', '--retries', '4'])).toContain('already was as asked')
  })

  it('a secret is there at the first run, stays out of the log and belongs to its cronjob', async () => {
    const create = [
      'cronjob',
      'create',
      'secretive',
      '--image',
      world.image,
      '--schedule',
      '@yearly',
      '--secret',
      'KEY=-',
    ]
    await panda.ok([...create, ...shell('echo "${#KEY} $KEY"')], { stdin: 'hunter-two-hunter\n' })
    const cronjob = await panda.json<Cronjob>(['cronjob', 'get', 'secretive'])
    expect(cronjob).toMatchObject({ secrets: ['KEY'], suspended: false })
    const log = await panda.ok(['cronjob', 'run', 'secretive', '--follow'])
    expect(log).toMatch(/^17 /)
    expect(log).not.toContain('hunter')
  })

  it('names near the one that was typed are offered', async () => {
    const { code, stderr } = await panda.run(['cronjob', 'run', 'secretiv'])
    expect(code).toBe(3)
    expect(stderr).toContain('Did you mean "secretive"?')
    expect((await panda.run(['run', 'logs', 'secretve'])).stderr).toContain('Did you mean "secretive"?')
  })

  it('a deletion asks, and does nothing when nobody can answer', async () => {
    const { code, stderr } = await panda.run(['cronjob', 'delete', 'plain'])
    expect(code).toBe(2)
    expect(stderr).toContain('Repeat with --yes.')
    await panda.ok(['cronjob', 'get', 'plain'])
    await panda.ok(['cronjob', 'delete', 'plain', '--yes'])
    expect((await panda.run(['cronjob', 'get', 'plain'])).code).toBe(3)
  })
})
