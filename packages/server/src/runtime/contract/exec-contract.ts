import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { RunningExec, UnitSpec } from '../driver.ts'
import type { SuiteContext } from './harness-contract.ts'
import type { ExecProgram } from './programs-contract.ts'

const MIB = 1024 * 1024

interface Ended {
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly code: number | null
}

async function readToEnd(exec: RunningExec): Promise<Ended> {
  const parts: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] }
  for await (const { stream, bytes } of exec.output) parts[stream].push(bytes)
  return { stdout: Buffer.concat(parts.stdout), stderr: Buffer.concat(parts.stderr), code: await exec.exitCode() }
}

/** A unit that runs meanwhile; removed at the end. An engine without `exec` is tested for saying so, and nothing else. */
async function inUnit(context: SuiteContext, work: (unit: UnitSpec) => Promise<void>, change: Partial<UnitSpec> = {}) {
  const unit = context.unit({ kind: 'sleep', seconds: 120 }, change)
  const { driver } = context
  await driver.start(unit)
  try {
    if (driver.capabilities.exec !== false) return await work(unit)
    const refused = driver.exec(unit.name, { command: ['true'], tty: null })
    await expect(refused).rejects.toMatchObject({ name: 'ExecRefusal', code: 'unavailable' })
  } finally {
    await driver.remove(unit.name)
  }
}

async function run({ driver, harness }: SuiteContext, unit: UnitSpec, program: ExecProgram, input?: Buffer) {
  const exec = await driver.exec(unit.name, { command: harness.exec(program), tty: null })
  exec.input.end(input)
  return readToEnd(exec)
}

/** Commands inside a unit. */
export const execTests: Record<string, (context: SuiteContext) => Promise<void>> = {
  'runs a command in a unit: stdout and stderr apart, its exit code': async (context) => {
    await inUnit(context, async (unit) => {
      const { stdout, stderr, code } = await run(context, unit, { kind: 'both' })
      expect([stdout.toString(), stderr.toString(), code]).toEqual(['to out\n', 'to err\n', 3])
    })
  },

  'gives a command all of its input, byte by byte, and its end': async (context) => {
    await inUnit(context, async (unit) => {
      const sent = randomBytes(MIB)
      const { stdout, code } = await run(context, unit, { kind: 'cat' }, sent)
      expect(code).toBe(0)
      expect(stdout.equals(sent)).toBe(true)
    })
  },

  "runs it with the unit's variables": async (context) => {
    const change = { env: { GREETING: 'hello there' } }
    const work = async (unit: UnitSpec) => {
      const { stdout } = await run(context, unit, { kind: 'print-env', name: 'GREETING' })
      expect(stdout.toString()).toBe('hello there\n')
    }
    await inUnit(context, work, change)
  },

  'tells of a command that is not there by 127 and a reason': async (context) => {
    await inUnit(context, async (unit) => {
      const { stdout, stderr, code } = await run(context, unit, { kind: 'missing' })
      expect(code).toBe(127)
      expect(`${stdout.toString()}${stderr.toString()}`).toContain('/no/such/program')
    })
  },

  'ends with the unit, and nobody knows how': async (context) => {
    await inUnit(context, async (unit) => {
      const { driver, harness } = context
      const exec = await driver.exec(unit.name, { command: harness.exec({ kind: 'long' }), tty: null })
      const ended = readToEnd(exec)
      await driver.stop(unit.name, 0)
      await driver.remove(unit.name)
      // The engine may have seen the kill, or the end of the unit before the command had begun.
      expect([null, 137, 126]).toContain((await ended).code)
    })
  },

  'gives it a terminal of the size that is asked for': async (context) => {
    await inUnit(context, async (unit) => {
      const { driver, harness } = context
      const request = { command: harness.exec({ kind: 'size' }), tty: { columns: 91, rows: 17 } }
      const stop = new AbortController()
      const exec = await driver.exec(unit.name, request, stop.signal)
      let text = ''
      const read = async () => {
        for await (const { stream, bytes } of exec.output) {
          expect(stream).toBe('stdout')
          text += bytes.toString()
          if (text.includes('91x17') && !text.includes('40x30')) await exec.resize({ columns: 40, rows: 30 })
          if (text.includes('40x30')) stop.abort(new Error('seen'))
        }
      }
      await expect(read()).rejects.toThrow('seen')
    })
  },

  'ends the conversation when it is told to': async (context) => {
    await inUnit(context, async (unit) => {
      const { driver, harness } = context
      const stop = new AbortController()
      const exec = await driver.exec(unit.name, { command: harness.exec({ kind: 'cat' }), tty: null }, stop.signal)
      const ended = readToEnd(exec)
      stop.abort(new Error('enough'))
      await expect(ended).rejects.toThrow('enough')
      expect(await driver.inspect(unit.name)).toMatchObject({ state: 'running' })
    })
  },

  'takes no command for a unit that is not there, or has ended': async (context) => {
    const { driver } = context
    if (driver.capabilities.exec === false) return inUnit(context, () => Promise.resolve())
    const unit = context.unit({ kind: 'exit', code: 0 })
    const refused = () => driver.exec(unit.name, { command: ['true'], tty: null })
    await expect(refused()).rejects.toMatchObject({ name: 'ExecRefusal', code: 'not-running' })
    await driver.start(unit)
    await driver.wait(unit.name)
    await expect(refused()).rejects.toMatchObject({ name: 'ExecRefusal', code: 'not-running' })
    await driver.remove(unit.name)
  },
}
