/** The model of `test/support/queue-model` against the real stores. */
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'vitest'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import { openRedisQueueDriver } from '../../packages/sdk/src/drivers/redis/index.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { freshDatabase } from '../support/postgres.ts'
import { expectModel } from '../support/queue-model/queue-model.ts'
import { freshRedis } from '../support/redis.ts'

expectNoChildProcesses()

const RUNS = { numRuns: 25, maxCommands: 50 }
const passes = async (ms: number) => delay(ms + 2)
const dispose = async () => undefined

test('Redis does what the model says, whatever comes in whatever order', async () => {
  const { url, prefix } = await freshRedis()
  await expectModel({ open: async () => openRedisQueueDriver({ url, prefix }), advance: passes, dispose }, RUNS)
})

test('PostgreSQL does what the model says, whatever comes in whatever order', async () => {
  await using database = await freshDatabase()
  await expectModel(
    { open: async () => openPostgresQueueDriver({ url: database.url }), advance: passes, dispose },
    RUNS,
  )
})
