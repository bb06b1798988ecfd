import type { EventDriver } from '../../events/driver.ts'
import { openQueueEvents } from '../queue-events/event-driver.ts'
import { openRedisCatalog } from './event-catalog.ts'
import type { RedisQueueOptions } from './options.ts'
import { openRedisQueueDriver } from './queue-driver.ts'
import { readOptions } from './read-options.ts'

export interface RedisEventOptions extends RedisQueueOptions {
  /** How long a call waits for a server that is away before it fails with `store_away`, in ms. Default 30 s. */
  readonly waitMs?: number
  /** One event's payload at most, in bytes. Default 8 MiB. */
  readonly maxPayloadBytes?: number
}

/** Events on one server of Redis 7.0 or newer, or Valkey; not on a cluster. Connects at the first call. @throws PandaError invalid_url, invalid_option */
export function openRedisEventDriver({ waitMs, maxPayloadBytes, ...options }: RedisEventOptions): EventDriver {
  return openQueueEvents({
    driver: openRedisQueueDriver(options),
    catalog: openRedisCatalog(readOptions(options)),
    ...(waitMs !== undefined && { waitMs }),
    ...(maxPayloadBytes !== undefined && { maxPayloadBytes }),
  })
}
