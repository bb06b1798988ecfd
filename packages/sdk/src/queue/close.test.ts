import { expect, test } from 'vitest'
import { code, gate, memoryQueues } from '../../../../test/support/memory-queues.ts'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { PandaError } from '../errors.ts'
import type { Queue, QueueOptions } from './queue.ts'

const anyQueue = memoryQueues()
function open<T = { fileId: string }, R = unknown>(options: QueueOptions<T> = {}): Queue<T, R> {
  return anyQueue<T, R>(options)
}

test('close lets a running handler finish within the grace', async () => {
  const driver = openMemoryQueueDriver()
  const queue = open({ driver })
  const started = gate()
  const go = gate()
  queue.process(async () => {
    started.open()
    await go.promise
  })
  const job = await queue.add({ fileId: 'x' })
  await started.promise
  const closed = queue.close({ grace: '5s' })
  go.open()
  await closed
  expect((await open({ driver }).getJob(job.id))?.state).toBe('succeeded')
})

test('what still runs after the grace is aborted and handed back at once', async () => {
  const driver = openMemoryQueueDriver()
  const queue = open({ driver })
  const started = gate()
  const reason = gate<unknown>()
  queue.process(async (_job, { signal }) => {
    started.open()
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    reason.open(signal.reason)
  })
  const jobs = await queue.addBulk([{ data: { fileId: 'a' } }, { data: { fileId: 'b' } }])
  await started.promise
  await queue.close({ grace: 0 })
  expect(await reason.promise).toEqual(code('closed'))
  const other = open<{ fileId: string }, number>({ driver })
  const order: string[] = []
  other.process(async (job) => {
    order.push(job.data.fileId)
    return job.attempt + job.crashes
  })
  expect(await Promise.all(jobs.map((job) => other.finished(job.id)))).toEqual([1, 1])
  expect(order).toEqual(['a', 'b'])
})

test('after close nothing is taken any more', async () => {
  const queue = open()
  await queue.close()
  await expect(queue.add({ fileId: 'x' })).rejects.toEqual(code('closed'))
  await expect(queue.addBulk([{ data: { fileId: 'x' } }])).rejects.toEqual(code('closed'))
  await expect(queue.addFlow({ data: { fileId: 'x' } })).rejects.toEqual(code('closed'))
  await expect(queue.schedule('k', '* * * * *', { data: { fileId: 'x' } })).rejects.toEqual(code('closed'))
  expect(() => queue.process(() => undefined)).toThrow(PandaError)
})

test('what was being added at the close is stored, also the very first of a process', async () => {
  const driver = openMemoryQueueDriver()
  const queue = open({ driver })
  const data = { fileId: 'x' }
  const adding = Promise.all([
    queue.add(data),
    queue.add(data, { priority: 3 }),
    queue.addBulk([{ data }, { data }]),
    queue.addFlow({ data, children: [{ data }] }),
    queue.schedule('nightly', '0 3 * * *', { data }),
  ])
  await queue.close()
  await adding
  const later = open({ driver })
  expect(await later.counts()).toMatchObject({ queued: 5, scheduled: 1 })
  expect(await later.schedules()).toHaveLength(1)
})

test('an add that takes its time over the schema is waited for', async () => {
  const driver = openMemoryQueueDriver()
  const checked = gate()
  const validate = async (value: unknown) => {
    await checked.promise
    return { value: value as { fileId: string } }
  }
  const queue = open({ driver, schema: { '~standard': { version: 1, vendor: 'test', validate } } })
  const adding = queue.add({ fileId: 'x' })
  const closed = queue.close()
  checked.open()
  await closed
  expect((await open({ driver }).getJob((await adding).id))?.state).toBe('queued')
})

test('a handler that ends within the grace may still add', async () => {
  const driver = openMemoryQueueDriver()
  const queue = open({ driver })
  const started = gate()
  const go = gate()
  queue.process(async () => {
    started.open()
    await go.promise
    await queue.add({ fileId: 'next step' })
  })
  const job = await queue.add({ fileId: 'first step' })
  await started.promise
  const closed = queue.close({ grace: '5s' })
  go.open()
  await closed
  const later = open({ driver })
  expect((await later.getJob(job.id))?.state).toBe('succeeded')
  expect((await later.counts()).queued).toBe(1)
})

test('close refuses options that it does not know, and closes nothing then', async () => {
  const queue = open()
  await expect(queue.close({ timeout: 5 } as never)).rejects.toEqual(code('invalid_option'))
  await expect(queue.close({ grace: 'soon' })).rejects.toEqual(code('invalid_option'))
  await queue.add({ fileId: 'x' })
})
