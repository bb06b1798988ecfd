import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tempDir, type TempDir } from '../../../../../test/support/temp-dir.ts'
import { describeRuntimeDriver, shellExec, shellProgram } from '../driver-contract.ts'
import type { LogChunk, RuntimeDriver, UnitSpec } from '../driver.ts'
import { createProcessDriver } from './process-driver.ts'
import { processStamp } from './process-start-time.ts'
import { createUnitFolder, readUnitFile, writeUnitFile } from './unit-folder.ts'

const log = { warn: () => undefined }

const NO_MEMORY = 'plain processes have no memory limit: the capability reportsOutOfMemory is false'
describeRuntimeDriver(
  'process',
  async () => {
    const home = await tempDir('process')
    const driver = createProcessDriver({ home: home.path, log })
    return {
      driver,
      installation: `test-${randomUUID()}`,
      program: (request) => ({ image: 'not/used:1', ...shellProgram(request) }),
      exec: shellExec,
      createOnly: (unit) => {
        createUnitFolder(join(home.path, 'process', 'units'), { ...unit, createdAtMs: Date.now() })
        return Promise.resolve()
      },
      async dispose() {
        await removeAll(driver, home)
      },
    }
  },
  [
    { test: 'tells that memory ran out', reason: NO_MEMORY },
    { test: 'tells that memory ran out in a child, though the exit code is 0', reason: NO_MEMORY },
    { test: 'says that an image is not there', reason: 'images are ignored: the capability images is false' },
  ],
)

async function removeAll(driver: RuntimeDriver, home: TempDir): Promise<void> {
  for (const name of readdirSync(join(home.path, 'process', 'units'))) await driver.remove(name)
  await driver.close()
  await home.remove()
}

describe('the process driver', () => {
  let home: TempDir
  let driver: RuntimeDriver

  beforeAll(async () => {
    home = await tempDir('process')
    driver = createProcessDriver({ home: home.path, log, limits: { segmentBytes: 20_000, segments: 3 } })
  })

  afterAll(async () => {
    await removeAll(driver, home)
  })

  function unit(script: string, change: Partial<UnitSpec> = {}): UnitSpec {
    const run = `run_${randomUUID().replaceAll('-', '')}`
    const labels = { installation: 'i', project: 'p', kind: 'run' as const, resource: 'c', run, attempt: 1 }
    const limits = { env: {}, memoryBytes: 1, cpus: 1, graceMs: 1000 }
    const program = { entrypoint: ['/bin/sh', '-c'], command: [script], image: 'none' }
    return { name: `panda-${run.replace('_', '-')}-1`, labels, ...limits, ...program, ...change }
  }

  function folderOf(name: string): string {
    return join(home.path, 'process', 'units', name)
  }

  async function output(name: string): Promise<LogChunk[]> {
    const chunks: LogChunk[] = []
    for await (const chunk of driver.logs(name, { after: null, follow: true })) chunks.push(chunk)
    return chunks
  }

  it('says loudly what it is', async () => {
    const warnings: string[] = []
    createProcessDriver({ home: home.path, log: { warn: (text: string) => void warnings.push(text) } })
    expect(warnings.join()).toContain('without isolation')
    const info = await driver.info()
    expect(info.warning).toContain('images are ignored')
    expect(info.id).toMatch(/^process-/)
    expect(driver.capabilities).toMatchObject({ isolation: false, images: false, survivesServer: true })
  })

  it('needs a command', async () => {
    const nothing = unit('', { entrypoint: null, command: null, image: 'your-org/mailer:latest' })
    const error = await driver.start(nothing).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'start-failed' })
    expect(String(error)).toMatch(/needs a command.*your-org\/mailer:latest/)
    expect(await driver.inspect(nothing.name)).toBeNull()
  })

  it('hands on nothing of the server but the minimum, and no variable to the disk', async () => {
    process.env['PANDA_TEST_LEAK'] = 'leaked'
    const one = unit('env | sort; pwd', { env: { MAIL_API_KEY: 'not-on-disk-please' } })
    await driver.start(one)
    const texts = (await output(one.name)).map((chunk) => chunk.text)
    delete process.env['PANDA_TEST_LEAK']
    expect(texts).toContain('MAIL_API_KEY=not-on-disk-please')
    const allowed = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|TMPDIR|PWD|OLDPWD|SHLVL|_|MAIL_API_KEY)=/
    expect(texts.slice(0, -1).filter((text) => !allowed.test(text))).toEqual([])
    expect(texts.at(-1)).toBe(join(folderOf(one.name), 'work'))
    for (const file of readdirSync(folderOf(one.name)).filter((name) => name.endsWith('.json'))) {
      expect(readFileSync(join(folderOf(one.name), file), 'utf8')).not.toContain('not-on-disk-please')
      expect(statSync(join(folderOf(one.name), file)).mode & 0o077).toBe(0)
    }
  })

  it('finds programs in the PATH and says when there is none', async () => {
    const found = unit('', { entrypoint: ['sh'], command: ['-c', 'exit 3'] })
    await driver.start(found)
    expect(await driver.wait(found.name)).toMatchObject({ exit: { code: 3 } })
    const missing = unit('', { entrypoint: null, command: ['no-such-program-here'] })
    await expect(driver.start(missing)).rejects.toThrow('no-such-program-here is not in the PATH')
    const file = join(home.path, 'not-executable')
    writeFileSync(file, '#!/bin/sh\n', { mode: 0o600 })
    const notExecutable = unit('', { entrypoint: null, command: [file] })
    await expect(driver.start(notExecutable)).rejects.toThrow('may not be executed')
  })

  it('ends what a command left running, as a container would', async () => {
    const one = unit('sleep 300 & echo $!; exit 0')
    await driver.start(one)
    expect(await driver.wait(one.name)).toMatchObject({ exit: { kind: 'exited', code: 0 } })
    const pid = Number((await output(one.name))[0]?.text)
    await expect.poll(() => processStamp(pid)).toBeUndefined()
  })

  it('bounds what a unit takes on disk and says what was lost', async () => {
    const one = unit('i=0; while [ $i -lt 3000 ]; do echo "a line of some length, number $i"; i=$((i+1)); done')
    await driver.start(one)
    await driver.wait(one.name)
    const chunks: LogChunk[] = []
    for await (const chunk of driver.logs(one.name, { after: null, follow: false })) chunks.push(chunk)
    const [mark, first] = chunks
    expect(mark).toMatchObject({ stream: 'stderr' })
    const lost = Number(/panda: (\d+) lines are lost/.exec(mark?.text ?? '')?.[1])
    expect(first?.text).toBe(`a line of some length, number ${lost}`)
    expect(chunks).toHaveLength(1 + 3000 - lost)
    expect(chunks.at(-1)?.text).toBe('a line of some length, number 2999')
    const sizes = readdirSync(folderOf(one.name)).flatMap((name) =>
      name.startsWith('log-') ? statSync(join(folderOf(one.name), name)).size : [],
    )
    expect(sizes.length).toBeLessThanOrEqual(3)
  })

  it('calls a unit lost when its supervisor was killed, ends its command and stays with it', async () => {
    const one = unit('echo $$; while :; do sleep 1; done')
    await driver.start(one)
    for await (const chunk of driver.logs(one.name, { after: null, follow: true })) if (chunk.endOfLine) break
    const supervisor = readUnitFile(folderOf(one.name), 'supervisor.json')
    const start = readUnitFile(folderOf(one.name), 'start.json')
    if (supervisor === null || start === null) throw new Error('it does not run')
    const waiting = driver.wait(one.name)
    process.kill(supervisor.pid, 'SIGKILL')
    const status = await waiting
    expect(status).toMatchObject({ state: 'exited', exit: { kind: 'lost' } })
    await expect.poll(() => processStamp(start.pid)).toBeUndefined()
    expect(await driver.inspect(one.name)).toEqual(status)
    expect(await driver.start(one)).toEqual({ adopted: true })
  })

  it('does not take another process with the same pid for its own', async () => {
    const one = unit('echo never')
    createUnitFolder(join(home.path, 'process', 'units'), { ...one, createdAtMs: 0 })
    writeUnitFile(folderOf(one.name), 'supervisor.json', { pid: process.pid, stamp: 'of somebody long ago', atMs: 0 })
    writeUnitFile(folderOf(one.name), 'start.json', { pid: process.pid, stamp: 'of somebody long ago', atMs: 0 })
    expect(await driver.inspect(one.name)).toMatchObject({ state: 'exited', exit: { kind: 'lost' } })
    await driver.remove(one.name)
  })

  it('goes on while its server is dead, and is taken over with its log and its exit code', async () => {
    const one = unit('i=1; while [ $i -le 10 ]; do echo "tick $i"; sleep 0.2; i=$((i+1)); done; exit 9')
    const module = new URL('process-driver.ts', import.meta.url).href
    const code = `
      import { createProcessDriver } from ${JSON.stringify(module)}
      const driver = createProcessDriver({ home: ${JSON.stringify(home.path)}, log: { warn() {} } })
      await driver.start(${JSON.stringify(one)})
      console.log('started')
      setInterval(() => {}, 1000)`
    const args = ['--import', 'tsx', '--conditions', 'source', '--input-type', 'module', '--eval', code]
    const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = (await once(server.stdout, 'data')) as [Buffer]
    expect(said.toString()).toBe('started\n')
    server.kill('SIGKILL')
    await once(server, 'exit')
    expect(await driver.start(one)).toEqual({ adopted: true })
    expect((await output(one.name)).map((chunk) => chunk.text)).toEqual(
      Array.from({ length: 10 }, (_, index) => `tick ${index + 1}`),
    )
    expect(await driver.wait(one.name)).toMatchObject({ exit: { kind: 'exited', code: 9 } })
  })
})
