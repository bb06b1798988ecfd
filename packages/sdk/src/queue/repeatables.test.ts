import { afterEach, expect, test } from 'vitest'
import { MemoryStore, openMemoryQueueDriver } from '../drivers/memory/index.ts'
import type { QueueDriver } from './driver.ts'
import { Queue } from './queue.ts'
import { fireDue } from './schedule-ticks.ts'

const opened: Queue<{ report: string }>[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((queue) => queue.close({ grace: 0 })))
})

interface World {
  now: number
  readonly drivers: readonly QueueDriver[]
  readonly queue: Queue<{ report: string }>
}

/** Two processes on one store whose clock the test moves. */
function world(start: string): World {
  const made = { now: Date.parse(start) }
  const store = new MemoryStore(() => made.now)
  const driver = openMemoryQueueDriver({ store })
  const drivers = [driver, openMemoryQueueDriver({ store })]
  const queue = new Queue<{ report: string }>('reports', { driver, allowUnsafeStore: true })
  opened.push(queue)
  return Object.assign(made, { drivers, queue })
}

/** Both processes look at the same time, every 10 minutes of the store's clock. */
async function runUntil(w: World, end: string): Promise<void> {
  for (; w.now <= Date.parse(end); w.now += 600_000) {
    await Promise.all(w.drivers.map((driver) => fireDue(driver, 'reports')))
  }
}

test.each([
  ['spring, 2:30 does not exist', '2026-03-27T00:00:00Z', '2026-03-31T00:00:00Z', '30 2 * * *', 4],
  ['autumn, 2:30 comes twice', '2026-10-23T00:00:00Z', '2026-10-27T00:00:00Z', '30 2 * * *', 4],
  ['autumn, every half hour', '2026-10-24T22:00:00Z', '2026-10-25T22:00:00Z', '*/30 * * * *', 48],
])('exactly one job per tick with two workers: %s', async (_name, start, end, expression, count) => {
  const w = world(start)
  await w.queue.schedule('r', expression, { timezone: 'Europe/Berlin', data: { report: 'x' } })
  await runUntil(w, end)
  expect((await w.queue.counts()).queued).toBe(count)
})

test('a job knows its schedule and the time it stands for', async () => {
  const w = world('2026-05-01T00:00:00Z')
  await w.queue.schedule('daily', '0 8 * * *', { data: { report: 'a' }, missed: 'all' })
  w.now = Date.parse('2026-05-03T09:00:00Z')
  await Promise.all(w.drivers.map((driver) => fireDue(driver, 'reports')))
  const seen: unknown[] = []
  const three = new Promise<void>((resolve) => {
    w.queue.process((job) => {
      seen.push([job.schedule?.key, job.schedule?.at.toISOString(), job.data.report])
      if (seen.length === 3) resolve()
    })
  })
  await three
  expect(seen).toEqual(['01', '02', '03'].map((day) => ['daily', `2026-05-${day}T08:00:00.000Z`, 'a']))
})

test('the same schedule set by every worker at its start changes nothing; another one replaces it', async () => {
  const w = world('2026-05-01T00:00:00Z')
  await w.queue.schedule('r', '0 8 * * *', { data: { report: 'a' } })
  const [before] = await w.queue.schedules()
  w.now += 3_600_000
  await w.queue.schedule('r', '0 8 * * *', { data: { report: 'a' } })
  expect(await w.queue.schedules()).toEqual([before])
  await w.queue.schedule('r', '0 9 * * *', { data: { report: 'a' } })
  expect((await w.queue.schedules())[0]).toMatchObject({
    expression: '0 9 * * *',
    nextAt: new Date('2026-05-01T09:00:00Z'),
  })
  expect(await w.queue.unschedule('r')).toBe(true)
  expect(await w.queue.schedules()).toEqual([])
})

test('a worker fires schedules by itself', async () => {
  const w = world('2026-05-01T07:59:59Z')
  await w.queue.schedule('r', '0 8 * * *', { data: { report: 'now' } })
  w.now += 2000
  const report = await new Promise((resolve) => void w.queue.process((job) => resolve(job.data.report)))
  expect(report).toBe('now')
})
