import type { Consumer, Delivery, EventDriver, SubscriptionSpec } from '../../packages/sdk/src/events/driver.ts'
import type { EventEnvelope } from '../../packages/sdk/src/events/envelope.ts'
import type { RabbitOptions } from '../../packages/sdk/src/drivers/rabbitmq/options.ts'
import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'
import { freshVhost, type Vhost } from './rabbitmq.ts'
import type { RabbitServer } from './rabbitmq-server.ts'
import { waitFor } from './wait-for.ts'

let made = 0

/** Ids grow, as a publisher's do. */
export function event(type: string, data: unknown = {}, more: Partial<EventEnvelope> = {}): EventEnvelope {
  return {
    id: `${Date.now()}-${String((made += 1)).padStart(8, '0')}`,
    source: 'test',
    type,
    time: new Date().toISOString(),
    data: JSON.stringify(data),
    dataVersion: null,
    key: null,
    traceparent: null,
    tracestate: null,
    ...more,
  }
}

export function events(type: string, count: number): EventEnvelope[] {
  return Array.from({ length: count }, (_, n) => event(type, { n }))
}

export function spec(name: string, patterns: string[] = [name], order: 'none' | 'strict' = 'none'): SubscriptionSpec {
  return { name, patterns, order }
}

export function numberOf(delivery: Delivery): number {
  return (JSON.parse(delivery.raw) as { n: number }).n
}

/** A vhost and the drivers of a test; all closed at the end of the block. */
export interface EventWorld extends AsyncDisposable {
  readonly vhost: Vhost
  driver(options?: Partial<RabbitOptions>): EventDriver
}

export async function eventWorld(server?: Pick<RabbitServer, 'host' | 'port' | 'adminUrl'>): Promise<EventWorld> {
  const vhost = await freshVhost(server)
  const drivers: EventDriver[] = []
  return {
    vhost,
    driver: (options = {}) => {
      const driver = rabbitMqDriver({ url: vhost.url, ...options })
      drivers.push(driver)
      return driver
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(drivers.map(async (driver) => driver.close()))
      await vhost.remove()
    },
  }
}

export interface Collected {
  readonly consumer: Consumer
  readonly deliveries: Delivery[]
  /** Resolves with all deliveries when there are so many. */
  atLeast(count: number, timeoutMs?: number): Promise<Delivery[]>
}

/** Consumes and settles each delivery as `outcome` says (default: done); null leaves it unsettled. */
export async function collect(
  driver: EventDriver,
  name: string,
  outcome: (delivery: Delivery) => Parameters<Delivery['settle']>[0] | null = () => ({ kind: 'done' }),
  prefetch = 50,
): Promise<Collected> {
  const deliveries: Delivery[] = []
  const failures: unknown[] = []
  const consumer = await driver.consume(name, { prefetch }, (delivery) => {
    deliveries.push(delivery)
    const settlement = outcome(delivery)
    if (settlement !== null) delivery.settle(settlement).catch((error: unknown) => failures.push(error))
  })
  return {
    consumer,
    deliveries,
    atLeast: async (count, timeoutMs = 20_000) => {
      await waitFor(
        `${count} deliveries of ${name}`,
        () => {
          if (failures.length > 0) throw failures[0]
          return deliveries.length >= count
        },
        timeoutMs,
      )
      return deliveries
    },
  }
}
