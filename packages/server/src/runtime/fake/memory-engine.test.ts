import { describe, expect, it } from 'vitest'
import type { Clock } from '../../clock.ts'
import { RuntimeError, type UnitSpec } from '../driver.ts'
import { FakeDriver } from './fake-driver.ts'
import { MemoryEngine } from './memory-engine.ts'

/** A clock of which a test moves the hands: sleepers wake in the order of their times. */
function virtualClock() {
  let nowMs = 0
  const sleepers = new Set<{ atMs: number; wake: () => void }>()
  const clock: Clock = {
    now: () => nowMs,
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const sleeper = { atMs: nowMs + milliseconds, wake: resolve }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper)
          resolve()
        })
      }),
  }
  async function moveTo(ms: number): Promise<void> {
    for (;;) {
      // Lets everybody who was woken go on, and sleep again.
      await new Promise((resolve) => setImmediate(resolve))
      const [next] = [...sleepers].sort((a, b) => a.atMs - b.atMs)
      if (next === undefined || next.atMs > ms) break
      sleepers.delete(next)
      nowMs = Math.max(nowMs, next.atMs)
      next.wake()
    }
    nowMs = ms
  }
  return { clock, moveTo, sleeping: () => sleepers.size }
}

function unit(name: string, ...command: string[]): UnitSpec {
  const labels = { installation: 'i', project: 'p', kind: 'run' as const, resource: 'c', run: 'run_1', attempt: 1 }
  return { name, labels, image: 'x', entrypoint: null, command, env: {}, memoryBytes: 1, cpus: 1, graceMs: 1 }
}

describe('MemoryEngine', () => {
  it('lets units end at their time on the injected clock', async () => {
    const { clock, moveTo, sleeping } = virtualClock()
    const driver = new FakeDriver(new MemoryEngine({ clock }))
    await driver.start(unit('a', 'after', '2h', 'exit', '3'))
    const end = driver.wait('a')
    await moveTo(7_199_999)
    expect(await driver.inspect('a')).toMatchObject({ state: 'running' })
    await moveTo(7_200_000)
    expect(await end).toMatchObject({ exit: { code: 3, finishedAt: new Date(7_200_000) } })
    expect(sleeping()).toBe(0)
  })

  it('wakes watchers at exits of old and new units, and leaves no sleeper behind', async () => {
    const { clock, moveTo, sleeping } = virtualClock()
    const engine = new MemoryEngine({ clock })
    const driver = new FakeDriver(engine)
    await driver.start(unit('old', 'after', '10s'))
    const ended = new AbortController()
    const names: string[] = []
    const watching = (async () => {
      for await (const { name } of driver.watch('i', ended.signal)) names.push(name)
    })()
    await moveTo(1000)
    await driver.start(unit('new', 'after', '1s'))
    await driver.start(unit('endless', 'forever'))
    await driver.start(unit('stopped', 'forever'))
    await moveTo(5000)
    await driver.stop('stopped', 0)
    await moveTo(20_000)
    expect(names).toEqual(['new', 'stopped', 'old'])
    ended.abort()
    await expect(watching).rejects.toBe(ended.signal.reason)
    expect(sleeping()).toBe(0)
  })

  it('loses what runs when it crashes, and only that', async () => {
    const { clock, moveTo } = virtualClock()
    const engine = new MemoryEngine({ clock })
    const driver = new FakeDriver(engine)
    await driver.start(unit('short', 'after', '1s', 'exit', '2'))
    await driver.start(unit('long', 'after', '1h'))
    await moveTo(5000)
    const waiting = driver.wait('long')
    engine.crash()
    expect(await waiting).toMatchObject({ exit: { kind: 'lost' } })
    expect(await driver.inspect('short')).toMatchObject({ exit: { kind: 'exited', code: 2 } })
  })

  it('refuses calls while it is away, and lets a wait go on', async () => {
    const { clock, moveTo } = virtualClock()
    const engine = new MemoryEngine({ clock })
    const driver = new FakeDriver(engine)
    await driver.start(unit('a', 'after', '1s'))
    const end = driver.wait('a')
    engine.away = true
    const refused = { name: 'RuntimeError', code: 'engine-away' }
    await expect(driver.inspect('a')).rejects.toMatchObject(refused)
    await expect(driver.start(unit('b'))).rejects.toMatchObject(refused)
    await expect(driver.list('i')).rejects.toMatchObject(refused)
    await moveTo(3000)
    engine.away = false
    await moveTo(4000)
    expect(await end).toMatchObject({ state: 'exited' })
  })

  it('counts starts, of removed units too', async () => {
    const engine = new MemoryEngine()
    const driver = new FakeDriver(engine)
    for (const name of ['a', 'a', 'b']) await driver.start(unit(name))
    await driver.remove('a')
    await driver.start(unit('a'))
    expect([...engine.starts]).toEqual([
      ['a', 2],
      ['b', 1],
    ])
  })

  it('may do a thing and tell otherwise', async () => {
    let failures = 1
    const engine = new MemoryEngine({
      after: (operation) => {
        if (operation === 'start' && failures-- > 0) throw new RuntimeError('engine-away', 'told otherwise')
      },
    })
    const driver = new FakeDriver(engine)
    await expect(driver.start(unit('a'))).rejects.toThrow('told otherwise')
    expect(await driver.start(unit('a'))).toEqual({ adopted: true })
    expect(engine.starts.get('a')).toBe(1)
  })

  it('has images that cannot be had', async () => {
    const driver = new FakeDriver(new MemoryEngine())
    const ensure = (image: string) => driver.ensureImage(image, { pull: 'always', auth: null })
    await expect(ensure('fake.test/missing:1')).rejects.toMatchObject({ code: 'image-not-found' })
    await expect(ensure('fake.test/refused')).rejects.toMatchObject({ code: 'registry-refused' })
    await expect(ensure('fake.test/away')).rejects.toMatchObject({ code: 'registry-away' })
    expect((await ensure('your-org/mailer:latest')).digest).toMatch(/^sha256:/)
  })

  it('makes who waits for a unit that is gone wait also while it is away', async () => {
    let nowMs = 0
    const slept: number[] = []
    const clock: Clock = {
      now: () => nowMs,
      sleep: (milliseconds) => {
        slept.push(milliseconds)
        nowMs += milliseconds
        if (slept.length === 3) engine.away = false
        return Promise.resolve()
      },
    }
    const engine = new MemoryEngine({ clock })
    engine.away = true
    expect(await new FakeDriver(engine).wait('gone')).toBeNull()
    expect(slept).toHaveLength(3)
    expect(Math.min(...slept)).toBeGreaterThan(0)
  })
})
