import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type TempDir, tempDir } from '../../../../test/support/temp-dir.ts'
import { systemClock } from '../clock.ts'
import type { UnitSpec } from '../runtime/driver.ts'
import { FakeDriver } from '../runtime/fake/fake-driver.ts'
import { MemoryEngine } from '../runtime/fake/memory-engine.ts'
import { CommandAsker } from './ask-command.ts'

const UNIT: UnitSpec = {
  name: 'panda-ins-1-1',
  labels: { installation: 'i', project: 'default', kind: 'app', resource: 'api', run: 'ins_1', attempt: 1 },
  image: 'your-org/api:1',
  entrypoint: null,
  command: ['forever'],
  env: {},
  memoryBytes: 2 ** 20,
  cpus: 1,
  graceMs: 0,
}
const LIMIT_MS = 5000
const SOON_MS = 50
let driver: FakeDriver
let files: TempDir
let stop: AbortController
let asker: CommandAsker
let redacted: string[]

beforeEach(async () => {
  driver = new FakeDriver(new MemoryEngine({ clock: systemClock, id: 'engine' }))
  await driver.start(UNIT)
  files = await tempDir('probe')
  stop = new AbortController()
  redacted = []
  asker = askerWith((line) => {
    redacted.push(line)
    return Promise.resolve(line.replaceAll('s3cret', '[redacted]'))
  })
})
afterEach(async () => {
  stop.abort(new Error('the test is over'))
  await files.remove()
})

function askerWith(redact: (line: string) => Promise<string | null>): CommandAsker {
  return new CommandAsker({ driver, clock: systemClock, redact }, UNIT.name)
}
const ask = (command: readonly string[], limitMs = LIMIT_MS) => asker.ask(command, limitMs, stop.signal)

describe('the command of a probe', () => {
  it.each([
    [['exit', '0'], null],
    [['print', 'all is well', 'exit', '0'], null],
    [['exit', '2'], 'exited with code 2'],
    [['print', 'no response', 'exit', '1'], 'exited with code 1: no response'],
    [['print', 'first\nlast\n\n  ', 'exit', '1'], 'exited with code 1: last'],
    [['print', 'out', 'print-err', 'err', 'exit', '1'], 'exited with code 1: err'],
    [['unfinished', 'no line end', 'exit', '1'], 'exited with code 1: no line end'],
    [['print', '\u001B[31mred\u0000\u0007', 'exit', '1'], 'exited with code 1: [31mred'],
    [['print', 'it is s3cret', 'exit', '1'], 'exited with code 1: it is [redacted]'],
    [['print', 'x'.repeat(5000), 'exit', '1'], `exited with code 1: ${'x'.repeat(199)}…`],
    [['nonsense'], 'exited with code 127: the fake runtime does not know the word "nonsense"'],
  ])('%j is %j', async (command, trouble) => {
    expect(await ask(command)).toBe(trouble)
  })

  it('has nothing to read', async () => {
    expect(await ask(['cat'])).toBeNull()
  })

  it('counts as no when it takes too long, and is run again meanwhile, but not without end', async () => {
    const late = `did not end within ${SOON_MS}ms`
    expect(await ask(['after', '2s'], SOON_MS)).toBe(late)
    expect(await ask(['print', 'hi', 'exit', '3'])).toBe('exited with code 3: hi')
    expect(await ask(['forever'], SOON_MS)).toBe(late)
    expect(await ask(['forever'], SOON_MS)).toBe(late)
    const exec = vi.spyOn(driver, 'exec')
    expect(await ask(['exit', '0'])).toMatch(/^is not run again until one of 3 has ended/)
    expect(exec).not.toHaveBeenCalled()
    // The first of them ends by itself.
    await vi.waitUntil(async () => (await ask(['exit', '0'])) === null, { timeout: 20_000, interval: 50 })
  })

  it('asks for the secrets only when it says something else', async () => {
    const file = join(files.path, 'says')
    for (const text of ['1 starting', '1 starting', '1 migrating', '1 migrating']) {
      await writeFile(file, text)
      await ask(['told', file])
    }
    expect(redacted).toEqual(['starting', 'migrating'])
  })

  it('tells nothing of what it wrote while the secrets are not known', async () => {
    asker = askerWith(() => Promise.resolve(null))
    expect(await ask(['print', 'it is s3cret', 'exit', '1'])).toBe('exited with code 1')
  })

  it('ends with the container, and needs one', async () => {
    const asked = ask(['forever'])
    await driver.stop(UNIT.name, 0)
    expect(await asked).toBe('ended with its container')
    expect(await ask(['exit', '0'])).toBe('could not be run: its instance does not run')
  })

  it('ends with its signal', async () => {
    const asked = ask(['forever'])
    stop.abort(new Error('stopped'))
    await expect(asked).rejects.toThrow('stopped')
  })
})
