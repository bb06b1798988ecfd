import { Pool } from 'pg'
import { afterEach, expect, it, vi } from 'vitest'
import { startOutbox } from '../../packages/sdk/src/outbox/index.ts'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import { freshDatabase } from '../support/postgres.ts'
import { startRedisServer } from '../support/redis.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

async function within<T>(pool: Pool, work: (tx: object) => Promise<T>): Promise<T> {
  const tx = await pool.connect()
  try {
    await tx.query('begin')
    const done = await work(tx)
    await tx.query('commit')
    return done
  } catch (error) {
    await tx.query('rollback')
    throw error
  } finally {
    tx.release()
  }
}

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

it('uses the schema that is named on both sides', async () => {
  await using redis = await startRedisServer()
  const database = await freshDatabase()
  const pool = new Pool({ connectionString: database.url })
  const outboxSchema = 'shop_outbox'
  const outbox = await startOutbox({ databaseUrl: database.url, url: redis.url, outboxSchema })
  const queue = new Queue<{ order: number }>('orders', { url: redis.url, outboxSchema })
  const other = new Queue<{ order: number }>('orders', { url: redis.url })
  try {
    const id = await within(pool, async (tx) => (await queue.add({ order: 1 }, { tx })).id)
    await expect(within(pool, async (tx) => other.add({ order: 2 }, { tx }))).rejects.toMatchObject({
      code: 'store_refused',
      message: expect.stringContaining('panda_queue.outbox'),
      hint: expect.stringContaining('outboxSchema'),
    })
    await outbox.flush()
    expect((await queue.getJob(id))?.data).toEqual({ order: 1 })
  } finally {
    await Promise.all([queue.close(), other.close()])
    await outbox.close()
    await pool.end()
    await database.drop()
  }
})

it('refuses a Redis that can lose jobs in production, unless that is accepted', async () => {
  await using redis = await startRedisServer({ config: { appendonly: 'no' } })
  const database = await freshDatabase()
  vi.stubEnv('NODE_ENV', 'production')
  const options = { databaseUrl: database.url, url: redis.url }
  try {
    await expect(startOutbox(options)).rejects.toMatchObject({
      code: 'unsafe_store',
      message: expect.stringContaining('appendonly'),
    })
    await (await startOutbox({ ...options, allowUnsafeStore: true })).close()
  } finally {
    await database.drop()
  }
})

it('starts although Redis is away, and says so once until it is back', async () => {
  const redis = await startRedisServer()
  const database = await freshDatabase()
  const pool = new Pool({ connectionString: database.url })
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  await redis.kill()
  const outbox = await startOutbox({ databaseUrl: database.url, url: redis.url, safetyMs: 50 })
  const queue = new Queue<{ order: number }>('orders', { url: redis.url, allowUnsafeStore: true })
  try {
    const id = await within(pool, async (tx) => (await queue.add({ order: 1 }, { tx })).id)
    const said = () => warn.mock.calls.filter(([text]) => String(text).includes('outbox'))
    await vi.waitUntil(() => said().length > 0, 30_000)
    await redis.start()
    await outbox.flush()
    expect((await queue.getJob(id))?.state).toBe('queued')
    expect(said()).toHaveLength(1)
  } finally {
    await queue.close()
    await outbox.close()
    await pool.end()
    await database.drop()
    await redis.stop()
  }
}, 60_000)
