import type { BrokerUrl } from './broker-url.ts'
import type { EventDriver } from './driver.ts'

/** The driver of a broker. Its client library is loaded when it first connects. */
export async function loadEventDriver({ url }: BrokerUrl, options: EventDriverOptions): Promise<EventDriver> {
  const { rabbitMqDriver } = await import('../drivers/rabbitmq/rabbit-driver.ts')
  return rabbitMqDriver({ url, ...options })
}

export interface EventDriverOptions {
  readonly prefix?: string
  readonly waitMs?: number
  readonly maxPayloadBytes?: number
  readonly connectionName?: string
}
