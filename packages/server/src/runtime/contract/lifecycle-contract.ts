import { expect } from 'vitest'
import { RuntimeError } from '../driver.ts'
import type { SuiteContext } from './harness-contract.ts'
import { exitOf, readLogs, runToEnd, textOf } from './harness-contract.ts'

const QUICK_ROUNDS = 3
const QUICK_AT_ONCE = 8

/** Start, inspect, wait, exit codes. */
export const lifecycleTests: Record<string, (context: SuiteContext) => Promise<void>> = {
  'says who answers, with an id that stays': async ({ driver }) => {
    const first = await driver.info()
    expect(first.id).not.toBe('')
    expect(first.version).not.toBe('')
    expect((await driver.info()).id).toBe(first.id)
  },

  'starts a unit, shows it running and then its end': async (context) => {
    const unit = context.unit({ kind: 'ticks', count: 3, everyMs: 300 })
    expect(await context.driver.inspect(unit.name)).toBeNull()
    expect(await context.driver.start(unit)).toEqual({ adopted: false })
    expect(await context.driver.inspect(unit.name)).toMatchObject({ state: 'running' })
    const exit = exitOf(await context.driver.wait(unit.name))
    expect(exit).toMatchObject({ code: 0, outOfMemory: false })
    const lasted = (exit.finishedAt?.getTime() ?? 0) - (exit.startedAt?.getTime() ?? 0)
    expect(lasted).toBeGreaterThanOrEqual(500)
    expect(lasted).toBeLessThan(60_000)
    expect(exitOf(await context.driver.inspect(unit.name))).toEqual(exit)
  },

  'tells the exit code': async (context) => {
    expect(await runToEnd(context, context.unit({ kind: 'exit', code: 7 }))).toMatchObject({ code: 7 })
  },

  'tells a death by signal as 128 + its number': async (context) => {
    expect(await runToEnd(context, context.unit({ kind: 'kill-self', signal: 'SEGV' }))).toMatchObject({
      code: 139,
      outOfMemory: false,
    })
    expect(await runToEnd(context, context.unit({ kind: 'kill-self', signal: 'KILL' }))).toMatchObject({
      code: 137,
      outOfMemory: false,
    })
  },

  'starts once when told twice, and takes over what runs': async (context) => {
    const unit = context.unit({ kind: 'ticks', count: 4, everyMs: 200 })
    expect(await context.driver.start(unit)).toEqual({ adopted: false })
    expect(await context.driver.start(unit)).toEqual({ adopted: true })
    await context.driver.wait(unit.name)
    expect(textOf(await readLogs(context.driver, unit.name))).toBe('tick 1\ntick 2\ntick 3\ntick 4\n')
  },

  'starts once when told twice at the same time': async (context) => {
    const unit = context.unit({ kind: 'ticks', count: 2, everyMs: 200 })
    const answers = await Promise.all([context.driver.start(unit), context.driver.start(unit)])
    expect(answers.filter((answer) => !answer.adopted).length).toBeLessThanOrEqual(1)
    await context.driver.wait(unit.name)
    expect(textOf(await readLogs(context.driver, unit.name))).toBe('tick 1\ntick 2\n')
  },

  'leaves a unit that has exited as it is': async (context) => {
    const unit = context.unit({ kind: 'lines', count: 1 })
    const exit = await runToEnd(context, unit)
    expect(await context.driver.start(unit)).toEqual({ adopted: true })
    expect(exitOf(await context.driver.inspect(unit.name))).toEqual(exit)
    expect(textOf(await readLogs(context.driver, unit.name))).toBe('out 1\n')
  },

  'starts a unit that was created and never started': async (context) => {
    const unit = context.unit({ kind: 'exit', code: 5 })
    await context.harness.createOnly(unit)
    expect(await context.driver.inspect(unit.name)).toEqual({ state: 'created' })
    expect(await context.driver.start(unit)).toEqual({ adopted: true })
    expect(exitOf(await context.driver.wait(unit.name)).code).toBe(5)
  },

  'starts afresh under a name that was removed': async (context) => {
    const unit = context.unit({ kind: 'lines', count: 1 })
    await runToEnd(context, unit)
    await context.driver.remove(unit.name)
    expect(await context.driver.start(unit)).toEqual({ adopted: false })
    await context.driver.wait(unit.name)
    expect(textOf(await readLogs(context.driver, unit.name))).toBe('out 1\n')
  },

  'answers a wait that begins after the exit, and many waits at once': async (context) => {
    const unit = context.unit({ kind: 'exit', code: 3 })
    await context.driver.start(unit)
    const early = [context.driver.wait(unit.name), context.driver.wait(unit.name)]
    for (const status of await Promise.all(early)) expect(exitOf(status).code).toBe(3)
    expect(exitOf(await context.driver.wait(unit.name)).code).toBe(3)
  },

  'loses no wait to a quick exit': async (context) => {
    const one = async (code: number) => {
      const unit = context.unit({ kind: 'exit', code })
      await context.driver.start(unit)
      const exit = exitOf(await context.driver.wait(unit.name))
      await context.driver.remove(unit.name)
      return exit.code
    }
    for (let round = 0; round < QUICK_ROUNDS; round += 1) {
      const codes = Array.from({ length: QUICK_AT_ONCE }, (_, index) => round * QUICK_AT_ONCE + index)
      expect(await Promise.all(codes.map(one))).toEqual(codes)
    }
  },

  'tells a command that does not exist': async (context) => {
    const unit = context.unit({ kind: 'bad-command' })
    if (context.driver.capabilities.checksCommand === false) {
      expect(await runToEnd(context, unit)).toMatchObject({ code: 127, outOfMemory: false })
      expect(textOf(await readLogs(context.driver, unit.name), 'stderr')).toContain('/no/such/program')
      return
    }
    const error = await context.driver.start(unit).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(RuntimeError)
    expect(error).toMatchObject({ code: 'start-failed' })
    expect(String(error)).toContain('/no/such/program')
    expect(await context.driver.inspect(unit.name)).toBeNull()
  },

  'says that an image is not there': async (context) => {
    const image = 'localhost/panda/no-such-image:1'
    const unit = context.unit({ kind: 'exit', code: 0 }, { image })
    await expect(context.driver.start(unit)).rejects.toMatchObject({ code: 'image-not-found' })
    expect(await context.driver.inspect(unit.name)).toBeNull()
    const ensured = context.driver.ensureImage(image, { pull: 'never', auth: null })
    await expect(ensured).rejects.toMatchObject({ name: 'RuntimeError', code: 'image-not-found' })
  },

  'pins an image that is there': async (context) => {
    const { image } = context.harness.program({ kind: 'exit', code: 0 })
    const ensured = await context.driver.ensureImage(image, { pull: 'missing', auth: null })
    expect(ensured.digest === null || /^sha256:[0-9a-f]{64}$/.test(ensured.digest)).toBe(true)
    expect(await runToEnd(context, context.unit({ kind: 'exit', code: 4 }, { image: ensured.image }))).toMatchObject({
      code: 4,
    })
  },

  'passes the environment byte for byte': async (context) => {
    const value = 'a=b\nsecond "line" $HOME `x` \\n \u{1F43C} é\ttab '
    const unit = context.unit({ kind: 'print-env', name: 'PANDA_TEST' }, { env: { PANDA_TEST: value, EMPTY: '' } })
    await runToEnd(context, unit)
    expect(textOf(await readLogs(context.driver, unit.name))).toBe(`${value}\n`)
  },

  'passes arguments as they are': async (context) => {
    const args = ['two words', '--flag', '-x', '$HOME', "it's", '', '*', 'a;b']
    const unit = context.unit({ kind: 'print-args', args })
    await runToEnd(context, unit)
    expect(textOf(await readLogs(context.driver, unit.name))).toBe(`${args.join('\n')}\n`)
  },

  'tells that memory ran out': async (context) => {
    const exit = await runToEnd(context, context.unit({ kind: 'memory-hog' }))
    expect(exit).toMatchObject({ code: 137, outOfMemory: true })
  },

  'tells that memory ran out in a child, though the exit code is 0': async (context) => {
    const exit = await runToEnd(context, context.unit({ kind: 'child-memory-hog' }))
    expect(exit).toMatchObject({ code: 0, outOfMemory: true })
  },
}
