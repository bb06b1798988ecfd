import { afterEach, expect, test } from 'vitest'
import type { Renewal } from './renew-loop.ts'
import { ThreadHost } from './thread-host.ts'

const MODULE = new URL('../../../../test/support/counting-keeper.ts', import.meta.url).href
const HELD = [{ worker: { id: 'w', about: '{}' }, queues: ['q'] }]
const hosts: ThreadHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()))
})

function start(maxBlockMs: number, report: (renewal: Renewal) => void = () => undefined) {
  const counter = new Int32Array(new SharedArrayBuffer(8))
  const plan = { module: MODULE, config: { counter: counter.buffer } }
  const host = new ThreadHost(plan, { leaseMs: 1000, heartbeatMs: 20 }, maxBlockMs, report)
  hosts.push(host)
  return { host, counter }
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
  const { host, counter } = start(60_000, (renewal) => tell(renewal))
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
  const { host, counter } = start(300, () => tell())
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
