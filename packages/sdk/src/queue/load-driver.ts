import type { QueueDriver } from './driver.ts'
import type { StoreUrl } from './store-url.ts'

/** The driver of a store, with its defaults. Its client library is loaded when it first connects. */
export async function loadDriver({ kind, url }: StoreUrl, namespace: string | undefined): Promise<QueueDriver> {
  switch (kind) {
    case 'redis': {
      const { openRedisQueueDriver } = await import('../drivers/redis/index.ts')
      return openRedisQueueDriver({ url, ...(namespace !== undefined && { prefix: namespace }) })
    }
    case 'postgres': {
      const { openPostgresQueueDriver } = await import('../drivers/postgres/index.ts')
      return openPostgresQueueDriver({ url, ...(namespace !== undefined && { schema: namespace }) })
    }
    case 'memory': {
      const { openMemoryQueueDriver } = await import('../drivers/memory/index.ts')
      return openMemoryQueueDriver()
    }
  }
}
