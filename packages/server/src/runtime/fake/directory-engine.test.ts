import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tempDir, type TempDir } from '../../../../../test/support/temp-dir.ts'
import type { UnitSpec } from '../driver.ts'
import { crash, createDirectoryEngine, readStarts, setAway } from './directory-engine.ts'
import { FakeDriver } from './fake-driver.ts'

const PROCESSES = 3
const UNITS = 100

let folder: TempDir

beforeEach(async () => {
  folder = await tempDir('fake')
})

afterEach(async () => {
  await folder.remove()
})

function unit(name: string, ...command: string[]): UnitSpec {
  const labels = { installation: 'i', project: 'p', kind: 'run' as const, resource: 'c', run: 'run_1', attempt: 1 }
  return { name, labels, image: 'x', entrypoint: null, command, env: {}, memoryBytes: 1, cpus: 1, graceMs: 1 }
}

describe('createDirectoryEngine', () => {
  it('is one engine for all who open the folder', async () => {
    const [one, two] = [createDirectoryEngine(folder.path), createDirectoryEngine(folder.path)]
    expect(two.id).toBe(one.id)
    const drivers = [new FakeDriver(one), new FakeDriver(two)] as const
    expect(await drivers[0].start(unit('a', 'forever'))).toEqual({ adopted: false })
    expect(await drivers[1].start(unit('a', 'forever'))).toEqual({ adopted: true })
    const waiting = drivers[0].wait('a')
    await drivers[1].stop('a', 0)
    expect(await waiting).toMatchObject({ exit: { code: 143 } })
    await drivers[0].remove('a')
    expect(await drivers[1].inspect('a')).toBeNull()
  })

  it('starts each name once, however many processes try', async () => {
    const modules = ['directory-engine.ts', 'fake-driver.ts'].map((file) => new URL(file, import.meta.url).href)
    const code = `
      import { createDirectoryEngine } from ${JSON.stringify(modules[0])}
      import { FakeDriver } from ${JSON.stringify(modules[1])}
      const driver = new FakeDriver(createDirectoryEngine(${JSON.stringify(folder.path)}))
      const unit = ${JSON.stringify(unit('NAME'))}
      let fresh = 0
      for (let index = 0; index < ${UNITS}; index += 1) {
        if (!(await driver.start({ ...unit, name: 'u-' + index })).adopted) fresh += 1
      }
      console.log(fresh)`
    const args = ['--import', 'tsx', '--conditions', 'source', '--input-type', 'module', '--eval', code]
    const counts = await Promise.all(
      Array.from({ length: PROCESSES }, async () => {
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
        const [[said]] = await Promise.all([once(child.stdout, 'data') as Promise<[Buffer]>, once(child, 'exit')])
        return Number(said.toString())
      }),
    )
    // Between create and start another may come first, so nobody may count a start as fresh; twice is never.
    expect(counts.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(UNITS)
    const starts = readStarts(folder.path)
    expect(starts.size).toBe(UNITS)
    expect([...starts.values()].every((count) => count === 1)).toBe(true)
  })

  it('shows a second start after a removal in its effect log', async () => {
    const driver = new FakeDriver(createDirectoryEngine(folder.path))
    for (let round = 0; round < 2; round += 1) {
      await driver.start(unit('a'))
      await driver.remove('a')
    }
    expect([...readStarts(folder.path)]).toEqual([['a', 2]])
  })

  it('can be away, crash, and take bad names for what they are', async () => {
    const engine = createDirectoryEngine(folder.path)
    const driver = new FakeDriver(engine)
    await driver.start(unit('a', 'forever'))
    setAway(folder.path, true)
    await expect(driver.inspect('a')).rejects.toMatchObject({ code: 'engine-away' })
    setAway(folder.path, false)
    crash(engine)
    expect(await driver.wait('a')).toMatchObject({ exit: { kind: 'lost' } })
    await expect(driver.start(unit('../a'))).rejects.toThrow('not a unit name')
  })

  it('counts a unit that was created and not started as created', async () => {
    const engine = createDirectoryEngine(folder.path)
    const driver = new FakeDriver(engine)
    await driver.start(unit('a'))
    rmSync(join(folder.path, 'units', 'a', 'start.json'))
    expect(await driver.list('i')).toMatchObject([{ name: 'a', state: 'created' }])
    expect(readStarts(folder.path).size).toBe(0)
  })
})
