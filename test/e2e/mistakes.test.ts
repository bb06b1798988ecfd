import type { Delivery, Run } from '@pandastack/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { COMMAND_MISTAKES } from './mistakes/commands.ts'
import { FILE_MISTAKES } from './mistakes/files.ts'
import type { Mistake } from './mistakes/mistake.ts'
import { PLACE_MISTAKES } from './mistakes/places.ts'
import { SCHEDULE_MISTAKES } from './mistakes/schedules.ts'
import { setStage, type Stage } from './mistakes/stage.ts'
import { STATE_MISTAKES } from './mistakes/things.ts'
import { VALUE_MISTAKES } from './mistakes/values.ts'

expectNoChildProcesses()

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})
afterAll(async () => stage[Symbol.asyncDispose]())

function filled(text: string): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = stage.names[name]
    if (value === undefined) throw new Error(`the stage has no ${name}`)
    return value
  })
}

/** A document that may come behind lines of a log. */
function lastDocument(text: string): Record<string, unknown> {
  return JSON.parse(text.slice(text.search(/^\{$/m))) as Record<string, unknown>
}

async function expectAnswer(mistake: Mistake): Promise<void> {
  const { words, situation = 'usual', stdin, env = {}, exit, code } = mistake
  const panda = stage.clis[situation].with(env)
  const typed = words.map(filled)
  const options = stdin === undefined ? {} : { stdin }
  const [human, machine] = await Promise.all([panda.run(typed, options), panda.run(['-o', 'json', ...typed], options)])

  expect({ code: human.code, stdout: human.stdout }, human.stderr).toEqual({ code: exit, stdout: expect.any(String) })
  expect(human.stderr).toContain(filled(mistake.says))
  expect(human.stderr).toContain(filled(mistake.hint))
  const error = human.stderr.slice(human.stderr.search(/^error: /m))
  expect(error.trimEnd().split('\n').at(-1)).toMatch(new RegExp(`^  code ${code}(, request \\S+)?$`))
  expect(error.trimEnd().split('\n').length).toBeLessThanOrEqual(5)
  expect(human.stderr).not.toMatch(/\n\s+at /)

  expect(machine.code, machine.stderr).toBe(exit)
  const problem = lastDocument(machine.stderr)
  expect(problem).toMatchObject({ code, exitCode: exit, type: expect.any(String), title: expect.any(String) })
  expect(JSON.stringify(problem).replaceAll('\\"', '"')).toContain(filled(mistake.hint).replaceAll('\\"', '"'))
}

describe.each([
  ['schedules', SCHEDULE_MISTAKES],
  ['values', VALUE_MISTAKES],
  ['commands', COMMAND_MISTAKES],
  ['things that exist or do not', STATE_MISTAKES],
  ['places and rights', PLACE_MISTAKES],
  ['files', FILE_MISTAKES],
])('mistakes with %s', (_, mistakes) => {
  it.each(mistakes.map((mistake) => [mistake.what, mistake] as const))('%s', async (_what, mistake) => {
    await expectAnswer(mistake)
  })
})

describe('mistakes that show later', () => {
  it('an alert to a private address is dead at once, and says why', async () => {
    const { panda } = stage.world
    await panda.ok(['alert', 'test', 'ops'])
    const { items } = await panda.until<{ items: Delivery[] }>(
      'the message to be given up',
      ['alert', 'deliveries', 'ops'],
      (page) => page.items[0]?.state === 'dead',
    )
    expect(items[0]).toMatchObject({ attempts: 1, lastError: expect.stringContaining('PANDA_ALERT_ALLOW') })
    expect(await panda.ok(['alert', 'deliveries', 'ops', '-o', 'wide'])).toMatch(/dead .*private/)
  })

  it('an engine that is away: the status says so, a run waits for it and can be cancelled', async () => {
    const panda = stage.clis['engine away']
    const status = await panda.run(['status'])
    // The server itself is ready: it takes orders and keeps them.
    expect(status.code).toBe(0)
    expect(status.stdout).toMatch(/^Engine +down, docker at unix:\/\/.*no-engine\.sock$/m)
    expect(status.stderr).toMatch(
      /^warning: The container engine does not answer .*no-engine\.sock.*Runs wait until it does/m,
    )

    await panda.ok(['cronjob', 'create', 'waiting', '--image', 'a/b', '--schedule', '@yearly'])
    const { code, stderr } = await panda.run(['cronjob', 'run', 'waiting', '--wait', '--timeout', '3s'])
    expect(code, stderr).toBe(6)
    expect(stderr).toMatch(/^warning: the container engine does not answer; the run waits for it/m)
    const id = /panda run cancel (run_\w+)/.exec(stderr)?.[1] ?? ''
    const run = await panda.json<Run>(['run', 'get', id])
    expect(run.finishedAt).toBeNull()
    expect(run.message).toMatch(/^waits: the engine could not be asked to start it \(.+\)$/)
    await panda.ok(['run', 'cancel', id])
    await panda.until<Run>('the run to be cancelled', ['run', 'get', id], ({ state }) => state === 'cancelled')
  })

  it('a value may begin with a dash', async () => {
    const { panda } = stage.world
    const words = ['cronjob', 'create', 'dashes', '--image', 'a/b', '--schedule', '@daily']
    await panda.ok([...words, '--env', 'OFFSET=-5', '--env=FLAGS=--verbose -x', '--', '-c', '--help'])
    const cronjob = await panda.json<object>(['cronjob', 'get', 'dashes'])
    expect(cronjob).toMatchObject({ env: { OFFSET: '-5', FLAGS: '--verbose -x' }, command: ['-c', '--help'] })
  })
})
