import { afterEach, expect, test, vi } from 'vitest'
import { MemoryStore, openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { PandaError } from '../errors.ts'
import { systemClock } from './clock.ts'
import type { Exchanged, QueueDriver } from './driver.ts'
import { Queue } from './queue.ts'
import type { QueueOptions } from './queue.ts'

const opened: { close: (options?: { grace?: number }) => Promise<void> }[] = []

function open<T = { n: number }, R = unknown>(options: QueueOptions<T>): Queue<T, R> {
  const queue = new Queue<T, R>('q', { allowUnsafeStore: true, ...options })
  opened.push(queue)
  return queue
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((queue) => queue.close({ grace: 0 })))
})

function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => (open = resolve))
  return { promise, open }
}

const away = () => new PandaError('store_away', 'the store is away (test)')

test('a store that is away at the start of a worker is waited for', async () => {
  const driver = openMemoryQueueDriver()
  vi.spyOn(driver, 'check').mockRejectedValueOnce(away())
  const errors: Error[] = []
  const queue = open<{ n: number }, number>({ driver })
  await queue.process(async (job) => job.data.n, { onError: (error) => errors.push(error) }).started
  expect(errors).toHaveLength(1)
  expect(await (await queue.add({ n: 1 })).finished()).toBe(1)
})

test('an add waits for a store that is away, and is then told so', async () => {
  const driver = openMemoryQueueDriver()
  const queue = open({ driver, patience: '2s' })
  const add = vi.spyOn(driver, 'add').mockRejectedValueOnce(away())
  await queue.add({ n: 1 })
  expect(add).toHaveBeenCalledTimes(2)
  expect(add.mock.calls[1]?.[1]).toEqual(add.mock.calls[0]?.[1])
  const impatient = open({ driver, patience: 30 })
  add.mockImplementation(() => Promise.reject(away()))
  await expect(impatient.add({ n: 2 })).rejects.toMatchObject({ code: 'store_away' })
})

test('a store that does not answer at all is away as well', async () => {
  const driver = openMemoryQueueDriver()
  vi.spyOn(driver, 'add').mockImplementation(() => new Promise(() => undefined))
  await expect(open({ driver, patience: 30 }).add({ n: 1 })).rejects.toMatchObject({ code: 'store_away' })
  vi.restoreAllMocks()
})

test('results whose answer was lost are sent again and not called refused', async () => {
  const driver = openMemoryQueueDriver()
  const exchange = driver.exchange.bind(driver)
  let lose = true
  vi.spyOn(driver, 'exchange').mockImplementation(async (queue, worker, request) => {
    const answer = await exchange(queue, worker, request)
    if (lose && request.results.length > 0) {
      lose = false
      throw away()
    }
    return answer
  })
  const refused: string[] = []
  const queue = open<{ n: number }, number>({ driver })
  queue.process(async (job) => job.data.n, { onRefused: (id) => refused.push(id), onError: () => undefined })
  const jobs = await queue.addBulk([1, 2, 3].map((n) => ({ data: { n } })))
  expect(await Promise.all(jobs.map((job) => job.finished()))).toEqual([1, 2, 3])
  const last = await queue.add({ n: 4 })
  expect(await last.finished()).toBe(4)
  expect([lose, refused, queue.metrics().refused]).toEqual([false, [], 0])
})

test('jobs claimed in an answer that was lost are not held for ever', async () => {
  const driver = openMemoryQueueDriver()
  const exchange = driver.exchange.bind(driver)
  let lose = true
  vi.spyOn(driver, 'exchange').mockImplementation(async (queue, worker, request) => {
    const answer = await exchange(queue, worker, request)
    if (lose && answer.jobs.length > 0) {
      lose = false
      throw away()
    }
    return answer
  })
  const queue = open<{ n: number }, number>({ driver })
  const job = await queue.add({ n: 5 })
  queue.process(async (one) => one.data.n + one.crashes, { onError: () => undefined })
  expect(await job.finished()).toBe(5)
})

test('a lost lease aborts the handler, its late result is refused and reported, another worker runs the job', async () => {
  let now = 1_000_000
  const store = new MemoryStore(() => now)
  const driver = openMemoryQueueDriver({ store })
  const renew = vi.spyOn(driver, 'renew')
  const started = gate()
  const reason = gate<unknown>()
  const refused = gate<string>()
  const queue = open<{ n: number }, string>({ driver, lease: 10_000, heartbeat: 20 })
  const first = queue.process(
    async (job, { signal }) => {
      if (job.crashes > 0) return 'second'
      started.open()
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      reason.open(signal.reason)
      return 'first'
    },
    { onRefused: refused.open, onError: () => undefined },
  )
  await first.started
  const job = await queue.add({ n: 1 })
  await started.promise
  // The process was frozen for longer than its lease; meanwhile another one looked after dead workers.
  now += 11_000
  expect((await driver.maintain('q')).recovered).toBe(1)
  expect(await reason.promise).toMatchObject({ code: 'lease_lost' })
  expect(await refused.promise).toBe(job.id)
  expect(await job.finished()).toBe('second')
  expect(queue.metrics().refused).toBe(1)
  expect(renew).toHaveBeenCalled()
})

test('a cancel reaches the run that holds the job, not the one that lost it before', async () => {
  let now = 1_000_000
  const driver = openMemoryQueueDriver({ store: new MemoryStore(() => now) })
  const runs = [0, 1].map(() => ({ started: gate(), reason: gate<unknown>() }))
  const go = gate()
  const notes = vi.spyOn(driver, 'note')
  const queue = open<{ n: number }, string>({ driver, lease: 10_000, heartbeat: 20 })
  const worker = queue.process(
    async (job, { signal, log }) => {
      const run = runs[job.crashes]
      run?.started.open()
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      run?.reason.open(signal.reason)
      log(`aborted in run ${job.crashes}`)
      // The first one does not care, and goes on.
      if (job.crashes === 0) await go.promise
      throw signal.reason
    },
    { concurrency: 2, onError: () => undefined },
  )
  await worker.started
  const job = await queue.add({ n: 1 })
  await runs[0]?.started.promise
  now += 11_000
  await driver.maintain('q')
  expect(await runs[0]?.reason.promise).toMatchObject({ code: 'lease_lost' })
  await runs[1]?.started.promise
  expect(worker.consumer?.holding()).toEqual([job.id])
  await job.cancel()
  expect(await runs[1]?.reason.promise).toMatchObject({ code: 'job_cancelled' })
  await expect(job.finished()).rejects.toMatchObject({ code: 'job_cancelled' })
  go.open()
  await expect.poll(() => queue.metrics().refused).toBe(1)
  expect(await job.logs()).toEqual(['aborted in run 1'])
  expect(notes).toHaveBeenCalledTimes(1)
})

test('what the store itself ends is kept as the worker says that notices it', async () => {
  let now = 1_000_000
  const driver = openMemoryQueueDriver({ store: new MemoryStore(() => now) })
  const lost = { id: 'lost', about: '{}' }
  const queue = open<{ n: number }>({ driver })
  const job = await queue.add({ n: 1 })
  const everything = {
    succeeded: { count: 9, ageMs: 9e9 },
    cancelled: { count: 9, ageMs: 9e9 },
    dead: { count: 9, ageMs: 9e9 },
  }
  for (let crash = 1; crash <= 3; crash += 1) {
    await driver.renew(lost, ['q'], 1000)
    expect((await driver.exchange('q', 'lost', { results: [], want: 1, keep: everything })).jobs).toHaveLength(1)
    now += 2000
    if (crash < 3) await driver.maintain('q')
  }
  await queue.process(() => undefined, { keep: { dead: { count: 0 } } }).started
  await expect.poll(() => job.info()).toBeNull()
  expect((await queue.stats()).totals).toMatchObject({ dead: 1, crashed: 3 })
})

test('a lease that ran out but was not taken back costs nothing', async () => {
  let now = 1_000_000
  const driver = openMemoryQueueDriver({ store: new MemoryStore(() => now) })
  const started = gate()
  const go = gate()
  const queue = open<{ n: number }, number>({ driver })
  queue.process(async (job) => {
    started.open()
    await go.promise
    return job.crashes
  })
  const job = await queue.add({ n: 1 })
  await started.promise
  now += 60_000
  go.open()
  expect(await job.finished()).toBe(0)
})

test('a slow handler gets nothing ahead of need, a fast one more and more', async () => {
  const driver = openMemoryQueueDriver()
  const wants: number[] = []
  const exchange = driver.exchange.bind(driver)
  vi.spyOn(driver, 'exchange').mockImplementation((queue, worker, request): Promise<Exchanged> => {
    wants.push(request.want)
    return exchange(queue, worker, request)
  })
  const queue = open<{ n: number }>({ driver })
  await queue.addBulk(Array.from({ length: 3000 }, (_, n) => ({ data: { n } })))
  let done = 0
  const all = gate()
  queue.process(() => {
    done += 1
    if (done === 3000) all.open()
  })
  await all.promise
  expect(wants[0]).toBe(1)
  expect(Math.max(...wants)).toBeGreaterThan(200)
})

test('jobs that wait behind a handler that got slow are handed back', async () => {
  const driver = openMemoryQueueDriver()
  const slow = open<{ n: number }>({ driver })
  await slow.addBulk(Array.from({ length: 200 }, (_, n) => ({ data: { n } })))
  const stuck = gate()
  const go = gate()
  let seen = 0
  slow.process(async () => {
    seen += 1
    if (seen === 100) {
      stuck.open()
      await go.promise
    }
  })
  await stuck.promise
  const other = open<{ n: number }>({ driver })
  const rest = gate()
  let helped = 0
  other.process(() => {
    helped += 1
    if (helped === 100) rest.open()
  })
  await rest.promise
  await expect.poll(async () => (await slow.counts()).running).toBe(1)
  go.open()
})

test('two consumers of one queue in one process have leases of their own', async () => {
  const driver = openMemoryQueueDriver()
  const [a, b] = [open({ driver }), open({ driver })]
  await Promise.all([a.process(() => undefined).started, b.process(() => undefined).started])
  expect((await a.stats()).workers).toHaveLength(2)
  await a.close()
  expect((await b.stats()).workers).toHaveLength(1)
})

test('two queues of one process share a worker id and its renewal', async () => {
  const driver = openMemoryQueueDriver()
  const a = open({ driver })
  const b = new Queue<{ n: number }>('other', { driver, allowUnsafeStore: true })
  opened.push(b)
  await Promise.all([a.process(() => undefined).started, b.process(() => undefined).started])
  const ids = [(await a.stats()).workers, (await b.stats()).workers].map((workers) => workers[0]?.id)
  expect(ids[0]).toBe(ids[1])
})

test('health looks at consumption', async () => {
  const driver: QueueDriver = openMemoryQueueDriver()
  const queue = open({ driver })
  const worker = queue.process(() => undefined)
  await worker.started
  expect(await queue.health()).toMatchObject({ ok: true, problems: [] })
  vi.spyOn(driver, 'stats').mockRejectedValue(new PandaError('store_refused', 'no'))
  expect(await queue.health()).toMatchObject({ ok: false, problems: ['The store does not answer.'] })
})

test('a wake-up that got lost delays a job, no more', async () => {
  const driver = openMemoryQueueDriver()
  const listen = driver.listen.bind(driver)
  vi.spyOn(driver, 'listen').mockImplementation((queues, onSignal) =>
    listen(queues, (signal) => {
      if (signal.kind !== 'work') onSignal(signal)
    }),
  )
  const clock = { ...systemClock, after: (ms: number, call: () => void) => systemClock.after(ms / 100, call) }
  const queue = open<{ n: number }, number>({ driver, clock })
  await queue.process((job) => job.data.n).started
  await queue.add({ n: 1 })
  await expect.poll(async () => (await queue.counts()).succeeded).toBe(1)
})
