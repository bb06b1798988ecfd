import { Pool } from 'pg'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import { queueDriverContract } from '../../packages/sdk/src/queue/driver-contract.ts'
import { freshDatabase } from '../support/postgres.ts'

/** The store's clock is one function, which is replaced: no test waits. */
queueDriverContract('PostgreSQL', async () => {
  const database = await freshDatabase()
  const admin = new Pool({ connectionString: database.url, max: 1 })
  let ahead = 0
  return {
    async open() {
      const driver = openPostgresQueueDriver({ url: database.url })
      await driver.check()
      return driver
    },
    async advance(ms) {
      ahead += ms
      await admin.query(`create or replace function panda_queue.stamp() returns int8 language sql volatile as
        $$ select ((extract(epoch from clock_timestamp()) * 1000000)::int8 + ${ahead}::int8 * 1000 - 1577836800000000) << 12 $$`)
    },
    async dispose() {
      await admin.end()
      await database.drop()
    },
  }
})
