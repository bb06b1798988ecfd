import { afterEach, beforeEach, expect, test } from 'vitest'
import { MemoryStore, openMemoryQueueDriver } from '../drivers/memory/index.ts'
import type { Clock } from './clock.ts'
import type { QueueDriver } from './driver.ts'
import { ALONE_MS, EMPTYING_MS, Quarantine } from './quarantine.ts'
import type { Member } from './quarantine.ts'
import { Queue } from './queue.ts'
import type { ProcessOptions } from './handler.ts'
import { newJob } from './contract/jobs-contract.ts'

const NOTHING = { count: 0, ageMs: 0 }
const KEEP = { succeeded: NOTHING, cancelled: NOTHING, dead: NOTHING }

interface Work {
  readonly n: number
}

let now: number
let driver: QueueDriver
let opened: Queue<Work>[]

beforeEach(() => {
  now = 1_000_000
  driver = openMemoryQueueDriver({ store: new MemoryStore(() => now) })
  opened = []
})
afterEach(async () => {
  await Promise.all(opened.map((queue) => queue.close({ grace: 0 })))
})

function open(name = 'q'): Queue<Work> {
  const queue = new Queue<Work>(name, { driver })
  opened.push(queue)
  return queue
}

function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => (open = resolve))
  return { promise, open }
}

/** Workers that died with these jobs in hand, all at once, so many times. */
async function crash(name: string, count: number, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await driver.renew({ id: 'mortal', about: '{}' }, [name], 1000)
    expect((await driver.exchange(name, 'mortal', { results: [], want: count, keep: KEEP })).jobs).toHaveLength(count)
    now += 2000
    await driver.maintain(name)
  }
}

/** Who ran beside whom: each job's handler lasts until all that could start has started. */
function witness(): {
  readonly crowds: Map<number, number>
  readonly handle: (job: { data: Work }) => Promise<number>
} {
  const crowds = new Map<number, number>()
  const inside = new Set<number>()
  const handle = async ({ data: { n } }: { data: Work }): Promise<number> => {
    inside.add(n)
    const see = (): void => {
      for (const one of inside) crowds.set(one, Math.max(crowds.get(one) ?? 0, inside.size))
    }
    see()
    await new Promise((resolve) => setTimeout(resolve, 3))
    see()
    inside.delete(n)
    return n
  }
  return { crowds, handle }
}

async function addAll(queue: Queue<Work>, from: number, to: number): Promise<string[]> {
  const jobs = await queue.addBulk(Array.from({ length: to - from }, (_, i) => ({ data: { n: from + i } })))
  return jobs.map(({ id }) => id)
}

test.each<[string, ProcessOptions]>([
  ['one by one', { concurrency: 10 }],
  ['claimed ahead', { concurrency: 10, prefetch: 50 }],
])('what has taken two workers with it runs alone, the rest as always: %s', async (_name, options) => {
  const queue = open()
  const ids = await addAll(queue, 0, 40)
  await crash('q', 8, 2)
  const { crowds, handle } = witness()
  queue.process(handle, options)
  expect(await Promise.all(ids.map((id) => queue.finished(id)))).toEqual(Array.from({ length: 40 }, (_, n) => n))
  for (let n = 0; n < 8; n += 1) expect([n, crowds.get(n)]).toEqual([n, 1])
  expect(Math.max(...crowds.values())).toBeGreaterThan(1)
  expect((await queue.stats()).totals).toMatchObject({ succeeded: 40, dead: 0, crashed: 16 })
})

test('one crash is nothing to be careful about', async () => {
  const queue = open()
  const ids = await addAll(queue, 0, 10)
  await crash('q', 10, 1)
  const { crowds, handle } = witness()
  queue.process(handle, { concurrency: 10 })
  await Promise.all(ids.map((id) => queue.finished(id)))
  expect([...crowds.values()]).toEqual(Array.from({ length: 10 }, () => 10))
})

test('a suspect in a queue of batches is a batch of its own, and does not wait for company', async () => {
  const queue = open()
  const ids = await addAll(queue, 0, 6)
  await crash('q', 2, 2)
  const batches: number[][] = []
  queue.processBatch((jobs) => void batches.push(jobs.map(({ data }) => data.n)), { batch: { size: 4, wait: 20 } })
  await Promise.all(ids.map((id) => queue.finished(id)))
  expect(batches.slice(0, 2)).toEqual([[0], [1]])
  expect(batches.flat()).toEqual([0, 1, 2, 3, 4, 5])
})

test('a suspect waits for the other queues of the process, and they for it', async () => {
  const [ours, theirs] = [open('ours'), open('theirs')]
  const [release, started, suspectRuns, end] = [gate(), gate(), gate(), gate()]
  const order: string[] = []
  theirs.process(
    async ({ data }) => {
      order.push(`theirs ${data.n}`)
      started.open()
      if (data.n === 0) await release.promise
    },
    { concurrency: 1 },
  )
  const [, second] = await addAll(theirs, 0, 2)
  await started.promise
  const [id = ''] = await addAll(ours, 7, 8)
  await crash('ours', 1, 2)
  ours.process(async () => {
    order.push('suspect')
    suspectRuns.open()
    await end.promise
  })
  // Claimed, and not started: the other queue is at work.
  await expect.poll(() => ours.metrics()).toMatchObject({ buffered: 1, running: 0 })
  release.open()
  await suspectRuns.promise
  expect(theirs.metrics()).toMatchObject({ buffered: 0, running: 0 })
  expect((await theirs.counts()).queued).toBe(1)
  end.open()
  await Promise.all([ours.finished(id), theirs.finished(second ?? '')])
  expect(order).toEqual(['theirs 0', 'suspect', 'theirs 1'])
})

test('a suspect that waits can be cancelled, and goes back at a close', async () => {
  const [busy, queue] = [open('busy'), open()]
  const [release, started] = [gate(), gate()]
  busy.process(async () => {
    started.open()
    await release.promise
  })
  await addAll(busy, 0, 1)
  await started.promise
  const [cancelled = ''] = await addAll(queue, 0, 1)
  await crash('q', 1, 2)
  let ran = 0
  queue.process(() => void (ran += 1))
  await expect.poll(() => queue.metrics().buffered).toBe(1)
  await queue.cancel(cancelled)
  release.open()
  await expect(queue.finished(cancelled)).rejects.toMatchObject({ code: 'job_cancelled' })

  const [again, blocked] = [gate(), gate()]
  const other = open('other')
  other.process(async () => {
    blocked.open()
    await again.promise
  })
  await addAll(other, 0, 1)
  await blocked.promise
  const [kept = ''] = await addAll(queue, 1, 2)
  await queue.close()
  const late = open()
  await crash('q', 1, 2)
  late.process(() => void (ran += 1))
  await expect.poll(() => late.metrics().buffered).toBe(1)
  await late.close()
  expect((await driver.get('q', [kept]))[0]).toMatchObject({ state: 'queued', crashes: 2 })
  again.open()
  expect(ran).toBe(0)
  // The quarantine is open again: the next queue works.
  const [next = ''] = await addAll(other, 5, 6)
  await other.finished(next)
})

test('a suspect that its schema refuses ends its turn', async () => {
  const queue = new Queue<Work>('q', { driver })
  opened.push(queue)
  await driver.add('q', [newJob({ body: 'not json' })])
  await crash('q', 1, 2)
  queue.process(({ data }) => data.n)
  const [id = ''] = await addAll(queue, 3, 4)
  expect(await queue.finished(id)).toBe(3)
  expect((await queue.counts()).dead).toBe(1)
})

// By hand: what the quarantine itself promises about time.

class ManualClock implements Clock {
  #now = 0
  #timers = new Set<{ at: number; call: () => void }>()
  now(): number {
    return this.#now
  }
  wall(): number {
    return this.#now
  }
  after(ms: number, call: () => void): () => void {
    const timer = { at: this.#now + ms, call }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }
  /** Resolves when all that this has set going is through. */
  async pass(ms: number): Promise<void> {
    this.#now += ms
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue
      this.#timers.delete(timer)
      timer.call()
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  get waiting(): number {
    return this.#timers.size
  }
}

class Neighbour implements Member {
  readonly heard: string[] = []
  readonly gone = gate()
  makeWay(): void {
    this.heard.push('make way')
  }
  emptied(): Promise<void> {
    return this.gone.promise
  }
  goOn(): void {
    this.heard.push('go on')
  }
}

test('a neighbour that does not end is waited for no longer than it may take', async () => {
  const [quarantine, clock, slow] = [new Quarantine(), new ManualClock(), new Neighbour()]
  quarantine.join(slow)
  let starts = 0
  const leave = quarantine.enter(clock, () => (starts += 1))
  expect(quarantine.enter(clock, () => undefined)).toBeNull()
  await clock.pass(EMPTYING_MS - 1)
  expect([starts, quarantine.closed]).toEqual([0, true])
  await clock.pass(1)
  expect([starts, quarantine.closed]).toEqual([1, true])
  await clock.pass(ALONE_MS)
  expect([starts, quarantine.closed, slow.heard]).toEqual([1, false, ['make way', 'go on']])
  // Others may start beside it now, but no other suspect.
  expect(quarantine.enter(clock, () => undefined)).toBeNull()
  leave?.()
  leave?.()
  expect(slow.heard).toEqual(['make way', 'go on', 'go on'])
  expect(quarantine.enter(clock, () => undefined)).not.toBeNull()
})

test('a suspect that is given up while it waits is never started, and leaves no timer behind', async () => {
  const [quarantine, clock, neighbour] = [new Quarantine(), new ManualClock(), new Neighbour()]
  const forget = quarantine.join(neighbour)
  let starts = 0
  quarantine.enter(clock, () => (starts += 1))?.()
  neighbour.gone.open()
  await clock.pass(EMPTYING_MS + ALONE_MS)
  expect([starts, quarantine.closed, clock.waiting]).toEqual([0, false, 0])
  forget()
  quarantine.enter(clock, () => (starts += 1))
  await clock.pass(0)
  expect([starts, neighbour.heard]).toEqual([1, ['make way', 'go on']])
})
