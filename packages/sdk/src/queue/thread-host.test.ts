import { Worker } from 'node:worker_threads'
import { afterEach, expect, test, vi } from 'vitest'
import { systemClock } from './clock.ts'
import type { HeldQueues, Renewal } from './renew-loop.ts'
import { RenewLoop } from './renew-loop.ts'
import { ThreadHost } from './thread-host.ts'
import type { ThreadHostParts } from './thread-host.ts'

const MODULE = new URL('../../../../test/support/counting-keeper.ts', import.meta.url).href
const HELD = [{ worker: { id: 'w', about: '{}' }, queues: ['q'] }]
const TIMES = { leaseMs: 1000, heartbeatMs: 20 }
const hosts: ThreadHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()))
  vi.restoreAllMocks()
})

/** What the main thread renews, call by call. */
function standIn() {
  const renewed: HeldQueues[] = []
  const keeper = {
    renew: async (worker: HeldQueues['worker'], queues: readonly string[]) => {
      renewed.push({ worker, queues })
      return { fresh: [], cancelled: new Map<string, string[]>() }
    },
  }
  return { renewed, loop: new RenewLoop(keeper, TIMES, systemClock, () => undefined) }
}

function start(maxBlockMs: number, parts: Partial<ThreadHostParts> = {}) {
  const counter = new Int32Array(new SharedArrayBuffer(8))
  const plan = { module: MODULE, config: { counter: counter.buffer } }
  const { renewed, loop } = standIn()
  const report = () => undefined
  const host = new ThreadHost({ plan, times: TIMES, maxBlockMs, report, standIn: loop, ...parts })
  hosts.push(host)
  return { host, counter, renewed }
}

/** Blocks this thread's event loop until there were so many renewals; false when they do not come within `ms`. */
function blockUntil(counter: Int32Array, count: number, ms: number): boolean {
  const end = Date.now() + ms
  for (let now = Atomics.load(counter, 0); now < count; now = Atomics.load(counter, 0)) {
    if (Date.now() >= end) return false
    Atomics.wait(counter, 0, now, end - Date.now())
  }
  return true
}

test('leases are renewed while a handler blocks the event loop, and what came of it is reported', async () => {
  let tell: (renewal: Renewal) => void = () => undefined
  const reported = new Promise<Renewal>((resolve) => (tell = resolve))
  const { host, counter } = start(60_000, { report: (renewal) => tell(renewal) })
  await host.set(HELD)
  expect(blockUntil(counter, 5, 20_000)).toBe(true)
  expect(await reported).toMatchObject({
    worker: 'w',
    error: null,
    renewed: { cancelled: new Map([['q', ['job-1']]]) },
  })
})

test('a process that hangs for longer than allowed lets its leases go', async () => {
  let tell: () => void = () => undefined
  const renewed = new Promise<void>((resolve) => (tell = resolve))
  const { host, counter } = start(300, { report: () => tell() })
  await host.set(HELD)
  await renewed
  expect(blockUntil(counter, Number.MAX_SAFE_INTEGER, 1500)).toBe(false)
  const stoppedAt = Atomics.load(counter, 0)
  expect(stoppedAt).toBeGreaterThan(0)
  expect(blockUntil(counter, stoppedAt + 1, 500)).toBe(false)
})

test('stop closes the keeper and ends the thread', async () => {
  const { host, counter } = start(60_000)
  await host.set(HELD)
  await host.stop()
  expect(Atomics.load(counter, 1)).toBe(1)
})

test('until the thread has answered, and again after it has died, the main thread renews', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const threads: Worker[] = []
  const { host, counter, renewed } = start(60_000, {
    start: (data) => {
      const entry = JSON.stringify(new URL('./lease-thread.ts', import.meta.url).href)
      const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}) })`
      const thread = new Worker(code, { eval: true, workerData: data, execArgv: [] })
      threads.push(thread)
      return thread
    },
  })
  // Resolves with the thread's answer; until then the main thread did it.
  await host.set(HELD)
  await vi.waitUntil(() => Atomics.load(counter, 0) > 0)
  const before = renewed.length
  await threads[0]?.terminate()
  await vi.waitUntil(() => renewed.length > before)
  expect(renewed.at(-1)).toEqual({ worker: HELD[0]?.worker, queues: ['q'] })
  // A second later a new one is there, and the main thread leaves it to that.
  await vi.waitUntil(() => threads.length === 2, 10_000)
  const until = Atomics.load(counter, 0)
  await vi.waitUntil(() => Atomics.load(counter, 0) > until, 10_000)
  const after = renewed.length
  await vi.waitUntil(() => Atomics.load(counter, 0) > until + 3, 10_000)
  expect(renewed.length).toBe(after)
  expect(warn).not.toHaveBeenCalled()
})

test.each(['loop', 'wait'])('a thread that hangs (%s) is noticed, replaced, and stood in for', async (hang) => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const counter = new Int32Array(new SharedArrayBuffer(8))
  const plan = { module: MODULE, config: { counter: counter.buffer, hang, hangAt: 3 } }
  const { host, renewed } = start(60_000, { plan, pulseMs: 100 })
  await host.set(HELD)
  const before = renewed.length
  await vi.waitUntil(() => renewed.length > before, 20_000)
  expect(Atomics.load(counter, 0)).toBe(3)
  expect(warn).toHaveBeenCalledTimes(1)
  expect(warn.mock.calls[0]?.[0]).toMatch(/hangs: it is ended and started again/)
  // The new one does not hang, and the main thread leaves it to that.
  await vi.waitUntil(() => Atomics.load(counter, 0) > 3, 20_000)
  const after = renewed.length
  await vi.waitUntil(() => Atomics.load(counter, 0) > 40, 20_000)
  expect(renewed.length).toBe(after)
  await host.stop()
  expect(warn).toHaveBeenCalledTimes(1)
})

test('a thread whose store does not answer does not hang', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const counter = new Int32Array(new SharedArrayBuffer(8))
  const plan = { module: MODULE, config: { counter: counter.buffer, hang: 'await', hangAt: 3 } }
  const { host, renewed } = start(60_000, { plan, pulseMs: 50 })
  await host.set(HELD)
  await vi.waitUntil(() => Atomics.load(counter, 0) === 3, 20_000)
  const before = renewed.length
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect([renewed.length, warn.mock.calls.length]).toEqual([before, 0])
  await host.stop()
})

test.each([
  ['its file is missing', { start: () => new Worker(new URL('./no-such-thread.js', import.meta.url)) }],
  ['its store cannot be loaded', { plan: { module: 'file:///no/such/keeper.js', config: null } }],
  [
    'it cannot be started at all',
    {
      start: (): Worker => {
        throw new TypeError('Invalid URL')
      },
    },
  ],
])('without a thread the main thread renews, and says so once: %s', async (_why, parts) => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const { host, renewed } = start(60_000, parts)
  await host.set(HELD)
  await vi.waitUntil(() => renewed.length > 5 && warn.mock.calls.length > 0, 10_000)
  // It is tried again after a second.
  const reported = renewed.length
  await vi.waitUntil(() => renewed.length > reported + 60, 20_000)
  expect(warn).toHaveBeenCalledTimes(1)
  expect(warn.mock.calls[0]?.[0]).toMatch(/thread that renews leases does not run.*main thread renews.*external/s)
  await host.stop()
  const stopped = renewed.length
  await new Promise((resolve) => setImmediate(resolve))
  expect(renewed.length).toBe(stopped)
})
