import { afterEach, expect, test, vi } from 'vitest'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'
import type { QueueDriver } from './driver.ts'
import { FinalError } from './final-error.ts'
import { Queue } from './queue.ts'

const opened: { close: (options?: { grace?: number }) => Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((queue) => queue.close({ grace: 0 })))
})

function open<T, R = unknown>(name: string, driver: QueueDriver): Queue<T, R> {
  const queue = new Queue<T, R>(name, { driver, allowUnsafeStore: true })
  opened.push(queue)
  return queue
}

interface Page {
  page: number
}

function book(driver: QueueDriver) {
  const books = open<{ title: string }, number>('books', driver)
  const pages = open<Page, number>('pages', driver)
  books.process(async (job) => (await job.children()).reduce((sum, child) => sum + Number(child.value ?? 0), 0))
  pages.process(async (job) => {
    if (job.data.page < 0) throw new FinalError('no such page')
    return job.data.page
  })
  return { books, pages }
}

const flow = (...pages: number[]) => ({
  data: { title: 't' },
  children: pages.map((page) => ({ queue: 'pages', data: { page } })),
})

test('a parent runs after all its children, with their results', async () => {
  const { books } = book(openMemoryQueueDriver())
  const ids = await books.addFlow(flow(1, 2, 3))
  expect(ids.children.map((child) => child.queue)).toEqual(['pages', 'pages', 'pages'])
  expect(await books.finished(ids.id)).toBe(6)
})

test('children may have children', async () => {
  const driver = openMemoryQueueDriver()
  const { books } = book(driver)
  const inner = { queue: 'books', data: { title: 'inner' }, children: [{ queue: 'pages', data: { page: 5 } }] }
  const ids = await books.addFlow({
    data: { title: 'outer' },
    children: [inner, { queue: 'pages', data: { page: 2 } }],
  })
  expect(await books.finished(ids.id)).toBe(7)
})

test('a dead child makes its parent dead, unless that is tolerant', async () => {
  const { books } = book(openMemoryQueueDriver())
  const strict = await books.addFlow(flow(1, -1))
  await expect(books.finished(strict.id)).rejects.toMatchObject({ code: 'job_failed' })
  expect(await books.getJob(strict.id)).toMatchObject({ state: 'dead', reason: 'child' })
  const tolerant = await books.addFlow({ ...flow(1, -1), tolerant: true })
  expect(await books.finished(tolerant.id)).toBe(1)
})

test('who dies between the parent and its children leaves the rest to any worker', async () => {
  const driver = openMemoryQueueDriver()
  const adder = open<{ title: string }>('books', driver)
  const relays = vi.spyOn(driver, 'relays').mockRejectedValue(new Error('killed here (test)'))
  await expect(adder.addFlow(flow(4, 5))).rejects.toThrow('killed here')
  relays.mockRestore()
  expect((await driver.stats('pages')).counts.queued).toBe(0)
  const { books } = book(driver)
  const { jobs } = await adder.list({ state: 'scheduled' })
  expect(await books.finished(jobs.at(0)?.id ?? '')).toBe(9)
})

test('carrying over twice does not run a child twice', async () => {
  const driver = openMemoryQueueDriver()
  const relayed = vi.spyOn(driver, 'relayed').mockRejectedValueOnce(new Error('killed here (test)'))
  const adder = open<{ title: string }>('books', driver)
  await expect(adder.addFlow(flow(4))).rejects.toThrow('killed here')
  expect(relayed).toHaveBeenCalledTimes(1)
  const { books, pages } = book(driver)
  const { jobs } = await adder.list({ state: 'scheduled' })
  expect(await books.finished(jobs.at(0)?.id ?? '')).toBe(4)
  expect(pages.metrics().started).toBe(1)
})
