import type { QueueDriver } from './driver.ts'
import type { StoreUrl } from './store-url.ts'

/**
 * The driver of a store. Its client library is loaded when it first connects.
 * @param patienceMs how long one call of it waits at most; default: the driver's own
 */
export async function loadDriver(
  { kind, url }: StoreUrl,
  namespace: string | undefined,
  patienceMs?: number,
): Promise<QueueDriver> {
  switch (kind) {
    case 'redis': {
      const { openRedisQueueDriver } = await import('../drivers/redis/index.ts')
      return openRedisQueueDriver({
        url,
        ...(namespace !== undefined && { prefix: namespace }),
        ...(patienceMs !== undefined && { patienceMs }),
      })
    }
    case 'postgres': {
      const { openPostgresQueueDriver } = await import('../drivers/postgres/index.ts')
      return openPostgresQueueDriver({
        url,
        ...(namespace !== undefined && { schema: namespace }),
        ...(patienceMs !== undefined && { timeoutMs: patienceMs }),
      })
    }
    case 'memory': {
      const { openMemoryQueueDriver } = await import('../drivers/memory/index.ts')
      return openMemoryQueueDriver()
    }
  }
}
