import { Pool } from 'pg'
import { freshDatabase } from '../test/support/postgres.ts'
import { stopSharedServices } from '../test/support/shared-services.ts'
import { openPostgresQueueDriver } from '../packages/sdk/src/drivers/postgres/index.ts'
import { plainJobs } from './queue/postgres/jobs.ts'
try {
  await using db = await freshDatabase()
  const d = openPostgresQueueDriver({ url: db.url, connections: 16 })
  await d.check()
  const pool = new Pool({ connectionString: db.url, max: 2 })
  const { rows } = await pool.query("select pg_get_functiondef('panda_queue.add_1'::regproc) as def")
  const def = rows[0].def as string
  const un = await d.listen(['q'], () => undefined)
  const run = async (size: number, lanes: number, total: number) => {
    const t = performance.now()
    let left = total
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        while (left > 0) {
          left -= size
          await d.add('q', plainJobs(size))
        }
      }),
    )
    return Math.round((total / (performance.now() - t)) * 1000)
  }
  await run(1, 16, 2000)
  for (let r = 0; r < 3; r++)
    for (const on of [true, false]) {
      await pool.query(on ? def : def.replace(/perform pg_notify\([^;]*;/, ''))
      console.log(
        on ? 'notify' : 'silent',
        '1x1',
        await run(1, 1, 1000),
        '1x4',
        await run(1, 4, 3000),
        '1x16',
        await run(1, 16, 6000),
        '100x1',
        await run(100, 1, 20000),
        '100x4',
        await run(100, 4, 40000),
      )
    }
  un()
  await d.close()
  await pool.end()
} finally {
  await stopSharedServices()
}
