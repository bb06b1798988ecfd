/** The queue's whole contract on each PostgreSQL that is promised; 18, the embedded one, is every test run's. */
import { Pool } from 'pg'
import { describe } from 'vitest'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import { queueDriverContract } from '../../packages/sdk/src/queue/driver-contract.ts'
import { type PostgresMajor, POSTGRES_VERSIONS, startOwnPostgres } from '../support/own-postgres.ts'

describe.each(Object.keys(POSTGRES_VERSIONS))('PostgreSQL %s', (major) => {
  queueDriverContract(`PostgreSQL ${major}`, async () => {
    const server = await startOwnPostgres(Number(major) as PostgresMajor)
    const admin = new Pool({ connectionString: server.url, max: 1 })
    admin.on('error', () => undefined)
    let ahead = 0
    return {
      async open() {
        const driver = openPostgresQueueDriver({ url: server.url })
        await driver.check()
        return driver
      },
      // The store's clock is one function, which is replaced: no test waits.
      async advance(ms) {
        ahead += ms
        await admin.query(`create or replace function panda_queue.stamp() returns int8 language sql volatile as
        $$ select ((extract(epoch from clock_timestamp()) * 1000000)::int8 + ${ahead}::int8 * 1000 - 1577836800000000) << 12 $$`)
      },
      async dispose() {
        await admin.end()
        await server[Symbol.asyncDispose]()
      },
    }
  })
})
