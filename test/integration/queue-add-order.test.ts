import { afterEach, expect, test } from 'vitest'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import { openRedisQueueDriver } from '../../packages/sdk/src/drivers/redis/index.ts'
import type { QueueDriver } from '../../packages/sdk/src/queue/driver.ts'
import { Queue } from '../../packages/sdk/src/queue/queue.ts'
import { freshDatabase } from '../support/postgres.ts'
import { claim } from '../support/postgres-queue.ts'
import { startRedisServer } from '../support/redis.ts'

const JOBS = 3500
const ending: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end()
})

interface Opened {
  readonly url: string
  readonly driver: QueueDriver
}

const STORES: Readonly<Record<string, () => Promise<Opened>>> = {
  redis: async () => {
    const server = await startRedisServer()
    ending.push(() => server.stop())
    return { url: server.url, driver: openRedisQueueDriver({ url: server.url }) }
  },
  postgres: async () => {
    const database = await freshDatabase()
    ending.push(() => database.drop())
    return { url: database.url, driver: openPostgresQueueDriver({ url: database.url }) }
  },
}

test.each(Object.entries(STORES))(
  '%s: adds that nobody awaits one by one are claimed in their order',
  async (_, open) => {
    const { url, driver } = await open()
    const queue = new Queue<{ n: number; text: string }>('ordered', { url })
    ending.push(
      () => driver.close(),
      () => queue.close(),
    )
    // All connections are there; the first batch is large and takes long, those behind it are small.
    await Promise.all([queue.stats(), queue.stats(), queue.stats()])
    const text = 'x'.repeat(5000)
    await Promise.all(Array.from({ length: JOBS }, (_, n) => queue.add({ n, text: n < 1000 ? text : '' })))
    await driver.renew({ id: 'w', about: '{}' }, ['ordered'], 60_000)
    const seen: number[] = []
    while (seen.length < JOBS) {
      const jobs = await claim(driver, 'ordered', 100)
      expect(jobs.length).toBe(100)
      for (const { body } of jobs) seen.push((JSON.parse(body) as { n: number }).n)
    }
    expect(seen).toEqual(Array.from({ length: JOBS }, (_, n) => n))
  },
)
