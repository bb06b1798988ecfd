import type { EventDriver } from '../../events/driver.ts'
import { openQueueEvents } from '../queue-events/event-driver.ts'
import { openPostgresCatalog } from './event-catalog.ts'
import { settle } from './options.ts'
import type { PostgresQueueOptions } from './options.ts'
import { queueDriverOn } from './queue-driver.ts'
import { Store } from './store.ts'

export interface PostgresEventOptions extends PostgresQueueOptions {
  /** How long a call waits for a database that is away before it fails with `store_away`, in ms. Default 30 s. */
  readonly waitMs?: number
  /** One event's payload at most, in bytes. Default 8 MiB. */
  readonly maxPayloadBytes?: number
}

/** Events in PostgreSQL 13 or newer, in the schema of the queues. Connects at the first call. @throws PandaError invalid_option, no_store */
export function openPostgresEventDriver({ waitMs, maxPayloadBytes, ...options }: PostgresEventOptions): EventDriver {
  const store = new Store(settle(options))
  return openQueueEvents({
    driver: queueDriverOn(store, options),
    catalog: openPostgresCatalog(store),
    ...(waitMs !== undefined && { waitMs }),
    ...(maxPayloadBytes !== undefined && { maxPayloadBytes }),
  })
}
