/** Answers of the store get lost, in either way: see `test/support/unreliable-queue.ts`. */
import { test } from 'vitest'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import { openRedisQueueDriver } from '../../packages/sdk/src/drivers/redis/index.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedis } from '../support/redis.ts'
import { expectExactWork } from '../support/unreliable-crowd.ts'

expectNoChildProcesses()

const JOBS = 1000

test('Redis: one job per key, every job done, no result accepted twice', async () => {
  const { url, prefix } = await freshRedis()
  await expectExactWork({ jobs: JOBS, open: async () => openRedisQueueDriver({ url, prefix }) })
})

test('PostgreSQL: one job per key, every job done, no result accepted twice', async () => {
  await using database = await freshDatabase()
  await expectExactWork({ jobs: JOBS, open: async () => openPostgresQueueDriver({ url: database.url }) })
})
