/** What the tests of the Redis driver share. */
import { Redis } from 'ioredis'
import { afterAll } from 'vitest'
import { openRedisQueueDriver, type RedisQueueOptions } from '../../packages/sdk/src/drivers/redis/index.ts'
import type { Exchange, JobResult, QueueDriver } from '../../packages/sdk/src/queue/driver.ts'

export const NOTHING = { count: 0, ageMs: 0 }
export const SOME = { count: 100, ageMs: 3_600_000 }
export const worker = { id: 'worker-1', about: '{}' }
export const lease = 60_000

export interface RedisQueueTools {
  /** Closed at the end of the file, if not before. */
  readonly opened: (options: RedisQueueOptions) => QueueDriver
  readonly plainRedis: (url: string) => Redis
}

/** Call once at the top of a test file. */
export function redisQueueTools(): RedisQueueTools {
  const toClose: (() => unknown)[] = []
  afterAll(async () => {
    for (const close of toClose.toReversed()) await close()
  })
  return {
    opened: (options) => {
      const driver = openRedisQueueDriver(options)
      toClose.push(async () => driver.close())
      return driver
    },
    plainRedis: (url) => {
      const redis = new Redis(url, { retryStrategy: () => null })
      toClose.push(() => redis.disconnect())
      return redis
    },
  }
}

export function want(count: number, results: readonly JobResult[] = [], kept = NOTHING): Exchange {
  return { results, want: count, keep: { succeeded: kept, cancelled: kept, dead: kept } }
}

/** Does all that waits; ids in the order in which they came. */
export async function drain(driver: QueueDriver, queue: string, atOnce = 100): Promise<string[]> {
  const done: string[] = []
  let results: JobResult[] = []
  for (;;) {
    const { jobs } = await driver.exchange(queue, worker.id, want(atOnce, results))
    if (jobs.length === 0) return done
    done.push(...jobs.map(({ id }) => id))
    results = jobs.map((job) => ({ kind: 'succeeded', job, value: null }))
  }
}
