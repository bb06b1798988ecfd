import { expect, test, vi } from 'vitest'
import { code, gate, memoryQueues } from '../../../../test/support/memory-queues.ts'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { FinalError } from './final-error.ts'
import { Queue } from './queue.ts'
import type { QueueOptions } from './queue.ts'
import type { StandardSchema } from './standard-schema.ts'

const anyQueue = memoryQueues()
function open<T = { fileId: string }, R = unknown>(options: QueueOptions<T> = {}): Queue<T, R> {
  return anyQueue<T, R>(options, 'uploads')
}

test('the snippet of the article works as printed', async () => {
  const queue = open()
  const done = gate<string>()
  const getFile = async (id: string) => ({ id, userId: 'u1' })
  const job = await queue.add({ fileId: 'f1' })
  queue.process(async (job) => {
    const file = await getFile(job.data.fileId)
    done.open(file.id)
  })
  expect(await done.promise).toBe('f1')
  expect(job.id).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/)
  await job.finished()
  expect((await queue.getJob(job.id))?.state).toBe('succeeded')
})

test('finished gives what the handler returned', async () => {
  const queue = open<{ n: number }, { double: number }>()
  queue.process(async (job) => ({ double: job.data.n * 2 }))
  const job = await queue.add({ n: 21 })
  expect(await job.finished()).toEqual({ double: 42 })
})

test('a handler that is no async function will do', async () => {
  const queue = open<{ n: number }, number>()
  queue.process((job) => job.data.n + 1)
  const jobs = await queue.addBulk(Array.from({ length: 500 }, (_, n) => ({ data: { n } })))
  expect(await Promise.all(jobs.map((job) => job.finished()))).toEqual(Array.from({ length: 500 }, (_, n) => n + 1))
})

test('a failed attempt is tried again after its backoff, and the last one leaves a dead letter', async () => {
  const queue = open()
  const attempts: number[] = []
  queue.process(async (job) => {
    attempts.push(job.attempt)
    throw new Error(`attempt ${job.attempt}`)
  })
  const job = await queue.add({ fileId: 'x' }, { attempts: 3, backoff: { delay: 5, jitter: 0 } })
  await expect(job.finished()).rejects.toMatchObject({ code: 'job_failed', cause: { message: 'attempt 3' } })
  expect(attempts).toEqual([1, 2, 3])
  const info = await job.info()
  expect(info).toMatchObject({
    state: 'dead',
    reason: 'attempts',
    failures: 3,
    error: { name: 'Error', message: 'attempt 3' },
  })
  expect(queue.metrics()).toMatchObject({ started: 3, failed: 3, dead: 1, succeeded: 0 })
})

test('the worker may decide the backoff', async () => {
  const queue = open<{ fileId: string }, string>()
  const asked: unknown[] = []
  queue.process(
    async (job) => {
      if (job.attempt === 1) throw new Error('once')
      return 'ok'
    },
    {
      backoff: (failures, error, job) => {
        asked.push([failures, (error as Error).message, job.data])
        return 1
      },
    },
  )
  const job = await queue.add({ fileId: 'y' }, { backoff: { delay: '1h' } })
  expect(await job.finished()).toBe('ok')
  expect(asked).toEqual([[1, 'once', { fileId: 'y' }]])
})

test('a final error is not tried again', async () => {
  const queue = open()
  const handler = vi.fn(async () => {
    throw new FinalError('no such file')
  })
  queue.process(handler)
  const job = await queue.add({ fileId: 'x' })
  await expect(job.finished()).rejects.toEqual(code('job_failed'))
  expect(handler).toHaveBeenCalledTimes(1)
  expect(await job.info()).toMatchObject({ state: 'dead', reason: 'final' })
})

test('a timeout aborts the signal and counts as a failure', async () => {
  const queue = open()
  const reason = gate<unknown>()
  queue.process(async (_job, { signal }) => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    reason.open(signal.reason)
  })
  const job = await queue.add({ fileId: 'x' }, { timeout: 20, attempts: 1 })
  await expect(job.finished()).rejects.toMatchObject({
    code: 'job_failed',
    cause: { message: expect.stringContaining('longer than 20 ms') },
  })
  expect(await reason.promise).toEqual(code('timed_out'))
})

test('cancel reaches a running handler; its job is cancelled', async () => {
  const queue = open()
  const started = gate()
  const reason = gate<unknown>()
  queue.process(async (_job, { signal }) => {
    started.open()
    await new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
    ).catch((error: unknown) => {
      reason.open(error)
      throw error
    })
  })
  const job = await queue.add({ fileId: 'x' })
  await started.promise
  await job.cancel('not wanted')
  expect(await reason.promise).toEqual(code('job_cancelled'))
  await expect(job.finished()).rejects.toEqual(code('job_cancelled'))
  expect(await job.info()).toMatchObject({ state: 'cancelled' })
})

test('a waiting job is cancelled, edited, promoted, retried and removed by its id', async () => {
  const queue = open<{ fileId: string }, string>()
  const job = await queue.add({ fileId: 'a' }, { delay: '1h' })
  await job.edit({ data: { fileId: 'b' } })
  await job.promote()
  expect(await job.info()).toMatchObject({ state: 'queued', data: { fileId: 'b' } })
  await job.cancel()
  expect((await job.info())?.state).toBe('cancelled')
  await expect(job.promote()).rejects.toEqual(code('wrong_state'))
  await job.retry({ fileId: 'c' })
  queue.process(async (one) => one.data.fileId)
  expect(await job.finished()).toBe('c')
  await job.remove()
  await expect(job.remove()).rejects.toEqual(code('job_not_found'))
  await expect(job.finished()).rejects.toEqual(code('job_not_found'))
})

test('a job that was cancelled while it waited and is retried afterwards runs', async () => {
  const queue = open<{ fileId: string }, string>()
  queue.process(() => 'ran')
  await (await queue.add({ fileId: 'a' })).finished()
  await queue.pause()
  const second = await queue.add({ fileId: 'b' })
  await second.cancel()
  await queue.resume()
  await second.retry()
  expect(await second.finished()).toBe('ran')
})

test('adds that are in flight together share a round trip', async () => {
  const driver = openMemoryQueueDriver()
  const add = vi.spyOn(driver, 'add')
  const queue = open({ driver })
  await queue.add({ fileId: 'first' })
  add.mockClear()
  await Promise.all(Array.from({ length: 200 }, (_, n) => queue.add({ fileId: String(n) })))
  expect(add.mock.calls.length).toBeLessThanOrEqual(3)
  expect((await queue.counts()).queued).toBe(201)
})

test('an idempotency key gives the first job', async () => {
  const queue = open()
  const first = await queue.add({ fileId: 'a' }, { idempotencyKey: 'k' })
  const second = await queue.add({ fileId: 'b' }, { idempotencyKey: 'k' })
  expect([first.deduplicated, second.deduplicated, second.id]).toEqual([false, true, first.id])
  expect(queue.metrics()).toMatchObject({ added: 1, deduplicated: 1 })
})

test('log and progress are stored before the result', async () => {
  const queue = open()
  queue.process(async (_job, { log, progress }) => {
    log('one')
    log('two')
    progress({ percent: 50 })
  })
  const job = await queue.add({ fileId: 'x' })
  await job.finished()
  expect(await job.logs()).toEqual(['one', 'two'])
  expect((await job.info())?.progress).toEqual({ percent: 50 })
})

const textSchema: StandardSchema<{ fileId: string }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof (value as { fileId?: unknown }).fileId === 'string'
        ? { value: value as { fileId: string } }
        : { issues: [{ message: 'must be text', path: ['fileId'] }] },
  },
}

test('a schema is checked when added', async () => {
  const queue = open({ schema: textSchema })
  await expect(queue.add({ fileId: 1 } as never)).rejects.toMatchObject({
    code: 'invalid_payload',
    message: expect.stringContaining('fileId: must be text'),
  })
})

test('a schema is checked when taken out: what does not fit is dead at once', async () => {
  const driver = openMemoryQueueDriver()
  const loose = open<{ fileId: number }>({ driver })
  const strict = open({ driver, schema: textSchema })
  const handler = vi.fn()
  const job = await loose.add({ fileId: 7 })
  strict.process(handler)
  await expect(job.finished()).rejects.toEqual(code('job_failed'))
  expect(await job.info()).toMatchObject({ state: 'dead', reason: 'payload' })
  expect(handler).not.toHaveBeenCalled()
})

test.each([
  ['a function', { f: () => 1 }, 'not_json'],
  ['a bigint', { n: 1n }, 'not_json'],
  ['a symbol', { s: Symbol('s') }, 'not_json'],
  ['NaN', { n: Number.NaN }, 'not_json'],
  ['Infinity', { n: Number.POSITIVE_INFINITY }, 'not_json'],
  ['an invalid Date', { at: new Date('never') }, 'not_json'],
  ['a Map', { m: new Map() }, 'not_json'],
  ['undefined in a list', { l: [undefined] }, 'not_json'],
  ['too much', { text: 'x'.repeat(300_000) }, 'payload_too_large'],
])('refuses %s', async (_name, data, expected) => {
  await expect(open<object>().add(data)).rejects.toEqual(code(expected))
})

test('says which part of the data cannot be stored', async () => {
  await expect(open<object>().add({ orders: [{ paidAt: new Date('soon') }] })).rejects.toMatchObject({
    message: expect.stringContaining('orders[0].paidAt is an invalid Date'),
  })
})

test('a Date, a URL and what says how it is to be stored are stored as they say; undefined properties are left out', async () => {
  const job = await open<object>().add({ at: new Date(0), to: new URL('https://a.example/'), none: undefined })
  expect((await job.info())?.data).toEqual({ at: '1970-01-01T00:00:00.000Z', to: 'https://a.example/' })
})

test('refuses a cycle', async () => {
  const data: { self?: unknown } = {}
  data.self = data
  await expect(open<object>().add(data)).rejects.toEqual(code('not_json'))
})

test.each([
  [{ delay: 'soon' }],
  [{ attempts: 0 }],
  [{ priority: 101 }],
  [{ delay: 1, runAt: 5 }],
  [{ backoff: { factor: 0.5 } }],
  [{ retries: 3 } as never],
])('refuses the options %j', async (options) => {
  await expect(open().add({ fileId: 'x' }, options)).rejects.toEqual(code('invalid_option'))
})

test('batch handlers get what is there, with a result per job', async () => {
  const queue = open<{ n: number }, string>()
  const sizes: number[] = []
  const jobs = await queue.addBulk(Array.from({ length: 25 }, (_, n) => ({ data: { n }, options: { attempts: 1 } })))
  queue.processBatch(
    (batch) => {
      sizes.push(batch.length)
      return batch.map((job) => (job.data.n === 3 ? new Error('three') : `done ${job.data.n}`))
    },
    { batch: { size: 10 } },
  )
  const ends = await Promise.allSettled(jobs.map((job) => job.finished()))
  expect(Math.max(...sizes)).toBe(10)
  expect(ends[2]).toEqual({ status: 'fulfilled', value: 'done 2' })
  expect(ends[3]).toMatchObject({ status: 'rejected', reason: { cause: { message: 'three' } } })
})

test('pause holds work back, resume lets it go', async () => {
  const queue = open()
  await queue.pause()
  const worker = queue.process(async () => 'ran')
  await worker.started
  const job = await queue.add({ fileId: 'x' })
  expect((await job.info())?.state).toBe('queued')
  await queue.resume()
  expect(await job.finished()).toBe('ran')
})

test('dead letters are redriven by reason and count', async () => {
  const queue = open()
  let broken = true
  queue.process(async (job) => {
    if (broken) throw job.data.fileId === 'f' ? new FinalError('final') : new Error('e')
    return 'ok'
  })
  const jobs = await queue.addBulk(['a', 'b', 'f'].map((fileId) => ({ data: { fileId }, options: { attempts: 1 } })))
  await Promise.allSettled(jobs.map((job) => job.finished()))
  broken = false
  expect(await queue.redrive({ reason: 'attempts' })).toBe(2)
  expect(await jobs.at(0)?.finished()).toBe('ok')
  expect((await jobs.at(2)?.info())?.state).toBe('dead')
  expect(await queue.redrive({ ids: [jobs.at(2)?.id ?? ''] })).toBe(1)
  expect(await jobs.at(2)?.finished()).toBe('ok')
})

test('by id only what is dead is redriven, and for the reason that is given', async () => {
  const queue = open()
  const handler = vi.fn(({ data }: { data: { fileId: string } }) => {
    if (data.fileId === 'bad') throw new Error('no')
  })
  queue.process(handler)
  const good = await queue.add({ fileId: 'good' })
  await good.finished()
  const bad = await queue.add({ fileId: 'bad' }, { attempts: 1 })
  await expect(bad.finished()).rejects.toEqual(code('job_failed'))
  expect(await queue.redrive({ ids: [good.id] })).toBe(0)
  expect(await queue.redrive({ ids: [bad.id], reason: 'crashes' })).toBe(0)
  expect(handler).toHaveBeenCalledTimes(2)
  expect(await queue.redrive({ ids: [good.id, bad.id], reason: 'attempts' })).toBe(1)
})

test('drain cancels all that waits', async () => {
  const queue = open()
  await queue.addBulk([{ data: { fileId: 'a' } }, { data: { fileId: 'b' }, options: { delay: '1h' } }])
  expect(await queue.drain()).toBe(2)
  expect(await queue.counts()).toMatchObject({ queued: 0, scheduled: 0, cancelled: 2 })
})

test('a store is found by the environment, and none is an error that says what to set', () => {
  for (const name of ['PANDA_QUEUE_URL', 'REDIS_URL', 'DATABASE_URL']) vi.stubEnv(name, '')
  expect(() => new Queue('q')).toThrow(code('no_store'))
  vi.stubEnv('PANDA_QUEUE_URL', 'mysql://x')
  expect(() => new Queue('q')).toThrow(code('invalid_url'))
  vi.stubEnv('PANDA_QUEUE_URL', 'memory:')
  expect(new Queue('q').name).toBe('q')
  vi.unstubAllEnvs()
})
