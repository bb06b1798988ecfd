import { Client } from 'pg'
import { openPostgresCatalog } from '../../packages/sdk/src/drivers/postgres/event-catalog.ts'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import { settle } from '../../packages/sdk/src/drivers/postgres/options.ts'
import { Store } from '../../packages/sdk/src/drivers/postgres/store.ts'
import { openQueueEvents } from '../../packages/sdk/src/drivers/queue-events/event-driver.ts'
import { engineHarness } from '../../packages/sdk/src/drivers/queue-events/harness-contract.ts'
import { eventDriverContract } from '../../packages/sdk/src/events/driver-contract.ts'
import { freshDatabase } from '../support/postgres.ts'

eventDriverContract('PostgreSQL', () =>
  Promise.resolve(
    engineHarness(async () => {
      const database = await freshDatabase()
      const { url } = database
      const clients: Client[] = []
      return {
        openQueue: () => openPostgresQueueDriver({ url }),
        openEvents: (driver) =>
          openQueueEvents({ driver, catalog: openPostgresCatalog(new Store(settle({ url, connections: 2 }))) }),
        begin: async () => {
          const client = new Client({ connectionString: url })
          clients.push(client)
          await client.connect()
          await client.query('begin')
          return {
            runner: async (text, values) => (await client.query(text, [...values])).rows as Record<string, unknown>[],
            commit: async () => void (await client.query('commit')),
            rollback: async () => void (await client.query('rollback')),
          }
        },
        dispose: async () => {
          await Promise.all(clients.map((client) => client.end()))
          await database.drop()
        },
      }
    }),
  ),
)
