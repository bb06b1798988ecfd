import { Pool } from 'pg'
import { expect, it } from 'vitest'
import { startOutbox } from '../../packages/sdk/src/outbox/index.ts'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import { freshDatabase } from '../support/postgres.ts'
import { startRedisServer } from '../support/redis.ts'

/** A queue in Redis, added to inside transactions of a PostgreSQL. */
it('adds what was committed, also while Redis was away, and nothing of what was rolled back', async () => {
  const redis = await startRedisServer()
  const database = await freshDatabase()
  const pool = new Pool({ connectionString: database.url })
  const outbox = await startOutbox({ databaseUrl: database.url, url: redis.url })
  const queue = new Queue<{ order: number }>('orders', { url: redis.url })
  try {
    const add = async (order: number, end: 'commit' | 'rollback'): Promise<string> => {
      const tx = await pool.connect()
      await tx.query('begin')
      const { id } = await queue.add({ order }, { tx })
      await tx.query(end)
      tx.release()
      return id
    }
    await redis.kill()
    const kept = await add(1, 'commit')
    await add(2, 'rollback')
    await redis.start()
    const done: number[] = []
    queue.process(({ data }) => void done.push(data.order), { handleSignals: false })
    const last = await add(3, 'commit')
    await outbox.flush()
    await queue.finished(kept)
    await queue.finished(last)
    expect(done).toEqual([1, 3])
  } finally {
    await queue.close()
    await outbox.close()
    await pool.end()
    await database.drop()
    await redis.stop()
  }
})
