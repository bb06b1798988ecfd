import type { BrokerUrl } from './broker-url.ts'
import type { EventDriver } from './driver.ts'

/** The driver of a broker. Its client library is loaded when it first connects. */
export async function loadEventDriver({ kind, url }: BrokerUrl, options: EventDriverOptions): Promise<EventDriver> {
  const { prefix, waitMs, maxPayloadBytes } = options
  const common = { ...(waitMs !== undefined && { waitMs }), ...(maxPayloadBytes !== undefined && { maxPayloadBytes }) }
  switch (kind) {
    case 'rabbitmq': {
      const { rabbitMqDriver } = await import('../drivers/rabbitmq/rabbit-driver.ts')
      return rabbitMqDriver({ url, ...options })
    }
    case 'postgres': {
      const { openPostgresEventDriver } = await import('../drivers/postgres/event-driver.ts')
      return openPostgresEventDriver({ url, ...common, ...(prefix !== undefined && { schema: prefix }) })
    }
    case 'redis': {
      const { openRedisEventDriver } = await import('../drivers/redis/event-driver.ts')
      return openRedisEventDriver({ url, ...common, ...(prefix !== undefined && { prefix }) })
    }
    case 'memory': {
      const { memoryEventsOf, openMemoryEventDriver } = await import('../drivers/memory/event-driver.ts')
      return openMemoryEventDriver({ ...common, events: memoryEventsOf(`${url} ${prefix ?? ''}`) })
    }
  }
}

export interface EventDriverOptions {
  /** RabbitMQ: first word of all names. Redis: of all keys. PostgreSQL: the schema, by default that of the queues. */
  readonly prefix?: string
  readonly waitMs?: number
  readonly maxPayloadBytes?: number
  readonly connectionName?: string
}
