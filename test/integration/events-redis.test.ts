import { openRedisCatalog } from '../../packages/sdk/src/drivers/redis/event-catalog.ts'
import { openRedisQueueDriver } from '../../packages/sdk/src/drivers/redis/index.ts'
import { readOptions } from '../../packages/sdk/src/drivers/redis/read-options.ts'
import { openQueueEvents } from '../../packages/sdk/src/drivers/queue-events/event-driver.ts'
import { engineHarness } from '../../packages/sdk/src/drivers/queue-events/harness-contract.ts'
import { eventDriverContract } from '../../packages/sdk/src/events/driver-contract.ts'
import { freshRedis } from '../support/redis.ts'

eventDriverContract('Redis', () =>
  Promise.resolve(
    engineHarness(async () => {
      const options = await freshRedis()
      return {
        openQueue: () => openRedisQueueDriver(options),
        openEvents: (driver) => openQueueEvents({ driver, catalog: openRedisCatalog(readOptions(options)) }),
        dispose: () => Promise.resolve(),
      }
    }),
  ),
)
