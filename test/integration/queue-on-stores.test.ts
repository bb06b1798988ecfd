/** The queue as user code sees it, on the real stores. */
import { afterAll, describe, expect, test } from 'vitest'
import { Queue } from '../../packages/sdk/src/queue/queue.ts'
import type { QueueOptions } from '../../packages/sdk/src/queue/queue.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedis, startRedisServer } from '../support/redis.ts'

const toEnd: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const end of toEnd.toReversed()) await end()
})

const STORES: Readonly<Record<string, () => Promise<QueueOptions>>> = {
  redis: async () => {
    const { url, prefix } = await freshRedis()
    return { url, namespace: prefix }
  },
  postgres: async () => {
    const database = await freshDatabase()
    toEnd.push(() => database.drop())
    return { url: database.url }
  },
}

function open<T, R = unknown>(options: QueueOptions): Queue<T, R> {
  // Its own store object even with the same URL: a second process as far as the store can tell.
  const queue = new Queue<T, R>('uploads', options as QueueOptions<T>)
  toEnd.push(() => queue.close({ grace: 0 }))
  return queue
}

function gate(): { promise: Promise<void>; open: () => void } {
  let open: () => void = () => undefined
  const promise = new Promise<void>((resolve) => (open = resolve))
  return { promise, open }
}

describe.each(Object.entries(STORES))('%s', (_name, store) => {
  test('the snippet of the article, adder and worker apart', async () => {
    const options = await store()
    const api = open<{ fileId: string }, string>(options)
    const worker = open<{ fileId: string }, string>({ ...options, patience: '9s' })
    worker.process(async (job) => `resized ${job.data.fileId}`, { concurrency: 10 })
    const job = await api.add({ fileId: 'f1' })
    expect(await job.finished({ timeout: '20s' })).toBe('resized f1')
    const many = await Promise.all(Array.from({ length: 1000 }, (_, n) => api.add({ fileId: String(n) })))
    const values = await Promise.all(many.map((one) => one.finished({ timeout: '60s' })))
    expect(values).toEqual(many.map((one) => `resized ${one.data.fileId}`))
  })

  test('retries, flows, repeatables and cancellation of a running job', async () => {
    const options = await store()
    const queue = open<{ n: number }, number>(options)
    const running = gate()
    queue.process(
      async (job, { signal, log }) => {
        log(`attempt ${job.attempt}`)
        if (job.data.n === 1 && job.attempt === 1) throw new Error('once')
        if (job.data.n === 99) {
          running.open()
          await new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          )
        }
        return (await job.children()).reduce((sum, child) => sum + Number(child.value), job.data.n)
      },
      { concurrency: 5 },
    )
    const retried = await queue.add({ n: 1 }, { backoff: { delay: 10 } })
    expect(await retried.finished({ timeout: '20s' })).toBe(1)
    expect(await retried.logs()).toEqual(['attempt 1', 'attempt 2'])
    const flow = await queue.addFlow({ data: { n: 10 }, children: [{ data: { n: 2 } }, { data: { n: 3 } }] })
    expect(await queue.finished(flow.id, { timeout: '20s' })).toBe(15)
    const long = await queue.add({ n: 99 })
    await running.promise
    await long.cancel('not wanted')
    await expect(long.finished({ timeout: '20s' })).rejects.toMatchObject({ code: 'job_cancelled' })
    await queue.schedule('every-second', '* * * * * *', { data: { n: 7 } })
    const [schedule] = await queue.schedules()
    expect(schedule).toMatchObject({ key: 'every-second', data: { n: 7 } })
    expect(await queue.unschedule('every-second')).toBe(true)
  })

  test('the lease is renewed while a handler blocks the event loop', async () => {
    const options = await store()
    const queue = open<{ n: number }, number>({ ...options, lease: 1000, heartbeat: 200 })
    const worker = queue.process(async () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
      const [state] = (await queue.stats()).workers
      return state?.leaseEndsInMs ?? -1
    })
    await worker.started
    // The thread needs a moment to connect: the first renewal is what is awaited.
    await expect
      .poll(() => queue.health().then((health) => health.lastLeaseMsAgo ?? 9999), { timeout: 20_000 })
      .toBeLessThan(1000)
    const job = await queue.add({ n: 1 })
    expect(await job.finished({ timeout: '30s' })).toBeGreaterThan(0)
  })
})

test('a worker goes on by itself when Redis is killed and comes back', async () => {
  const server = await startRedisServer()
  toEnd.push(() => server.stop())
  const queue = open<{ n: number }, number>({ url: server.url, patience: '30s' })
  queue.process(async (job) => job.data.n, { onError: () => undefined })
  expect(await (await queue.add({ n: 1 })).finished({ timeout: '20s' })).toBe(1)
  await server.kill()
  const adding = queue.add({ n: 2 })
  await server.start()
  expect(await (await adding).finished({ timeout: '20s' })).toBe(2)
})
