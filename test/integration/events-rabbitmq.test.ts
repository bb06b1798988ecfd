import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import { eventDriverContract } from '../../packages/sdk/src/events/driver-contract.ts'
import type { EventStore } from '../../packages/sdk/src/events/driver-contract.ts'
import { freshVhost } from '../support/rabbitmq.ts'

async function openStore(): Promise<EventStore> {
  const vhost = await freshVhost()
  const names = new Map<EventDriver, string>()
  return {
    open: async () => {
      const connectionName = `contract ${names.size}`
      const driver = rabbitMqDriver({ url: vhost.url, connectionName })
      names.set(driver, connectionName)
      return driver
    },
    now: () => Date.now(),
    advance: async (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    publishRaw: async (type, raw) => vhost.publishRaw('panda.entry', type, raw),
    lose: async (driver) => vhost.closeConnections(names.get(driver)),
    dispose: async () => vhost.remove(),
  }
}

eventDriverContract('RabbitMQ', async () => ({ store: openStore, dispose: async () => undefined }))
