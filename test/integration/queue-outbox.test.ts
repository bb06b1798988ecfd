import { Pool } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openMemoryQueueDriver } from '../../packages/sdk/src/drivers/memory/index.ts'
import { PandaError } from '../../packages/sdk/src/errors.ts'
import { type Outbox, type OutboxTarget, startOutbox, writeOutbox } from '../../packages/sdk/src/outbox/index.ts'
import type { NewJob, QueueDriver } from '../../packages/sdk/src/queue/driver.ts'
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts'

/** The queue lives in another store than the orders; here in memory, which is as foreign to the database as a Redis. */
let target: QueueDriver
let database: FreshDatabase
let pool: Pool
let serial = 0
const running: Outbox[] = []

beforeEach(async () => {
  target = openMemoryQueueDriver()
  database = await freshDatabase()
  pool = new Pool({ connectionString: database.url, max: 4 })
})

afterEach(async () => {
  for (const outbox of running.splice(0)) await outbox.close()
  await pool.end()
  await target.close()
  await database.drop()
})

async function start(to: OutboxTarget = target, onError?: (error: PandaError) => void): Promise<Outbox> {
  const outbox = await startOutbox({
    databaseUrl: database.url,
    target: to,
    ...(onError === undefined ? {} : { onError }),
  })
  running.push(outbox)
  return outbox
}

function job(options: Partial<NewJob> = {}): NewJob {
  serial += 1
  const id = `01kabcdefg${String(serial).padStart(16, '0')}`
  const plain = { body: '{"order":1}', settings: '', priority: 0, group: null, delayMs: 0, runAt: null }
  return { id, ...plain, key: null, parent: null, children: [], ...options }
}

async function within(work: (tx: object) => Promise<void>, end: 'commit' | 'rollback' = 'commit'): Promise<void> {
  const client = await pool.connect()
  await client.query('begin')
  await work(client)
  await client.query(end)
  client.release()
}

async function waiting(queue: string): Promise<readonly string[]> {
  return (await target.list(queue, { state: 'queued', limit: 10_000 })).jobs.map(({ id }) => id)
}

test('a job is carried over after the commit, woken by it', async () => {
  await start()
  const one = job()
  const told = new Promise<void>((resolve) => {
    void target.listen(['orders'], () => resolve())
  })
  await within(async (tx) => {
    await writeOutbox(tx, 'orders', one)
    expect(await waiting('orders')).toEqual([])
  })
  await told
  expect(await waiting('orders')).toEqual([one.id])
})

test('a rollback leaves nothing', async () => {
  const outbox = await start()
  await within(async (tx) => writeOutbox(tx, 'orders', job()), 'rollback')
  await outbox.flush()
  expect(await target.queues()).toEqual([])
})

test('what was written while nobody carried comes in order, by several processes, once each', async () => {
  await (await start()).close()
  const jobs = Array.from({ length: 1200 }, () => job())
  await within(async (tx) => {
    for (const one of jobs) await writeOutbox(tx, one.body === '' ? '' : 'orders', one)
  })
  const outboxes = await Promise.all([start(), start(), start()])
  await Promise.all(outboxes.map(async (outbox) => outbox.flush()))
  expect(await waiting('orders')).toEqual(jobs.map(({ id }) => id))
  expect((await target.stats('orders')).totals.added).toBe(jobs.length)
  const { rows } = await pool.query('select from panda_queue.outbox')
  expect(rows).toEqual([])
})

test('a store that is away gets them when it is back; a lost answer doubles nothing, even when the job is over by then', async () => {
  let failures = 0
  const errors: PandaError[] = []
  const shaky: OutboxTarget = {
    async add(queue, jobs) {
      failures += 1
      if (failures === 1) throw new PandaError('store_away', 'away')
      const added = await target.add(queue, jobs)
      if (failures > 2) return added
      // Carried out, and the job done and forgotten, before it is repeated.
      await target.change(
        queue,
        jobs.map(({ id }) => id),
        { kind: 'remove' },
      )
      throw new PandaError('store_away', 'the answer got lost')
    },
  }
  const outbox = await start(shaky, (error) => errors.push(error))
  await within(async (tx) => writeOutbox(tx, 'orders', job()))
  const settled = await Promise.allSettled([outbox.flush(), outbox.flush(), outbox.flush(), outbox.flush()])
  expect(settled.length).toBe(4)
  await outbox.flush()
  expect(failures).toBeGreaterThanOrEqual(3)
  expect((await target.stats('orders')).totals.added).toBe(1)
  for (const error of errors) expect(error.code).toBe('store_away')
})

test('a delay counts from when the job was written', async () => {
  const outbox = await start()
  const before = Date.now()
  const one = job({ delayMs: 3_600_000 })
  await within(async (tx) => writeOutbox(tx, 'orders', one))
  await outbox.flush()
  const [record] = await target.get('orders', [one.id])
  expect(record?.state).toBe('scheduled')
  expect(Math.abs((record?.runAt ?? 0) - before - 3_600_000)).toBeLessThan(60_000)
})

test('a database without an outbox is named', async () => {
  const client = await pool.connect()
  await client.query('begin')
  const failure = await writeOutbox(client, 'orders', job()).catch((error: unknown) => error)
  await client.query('rollback')
  client.release()
  expect(failure).toMatchObject({ code: 'store_refused' })
  expect((failure as PandaError).hint).toContain('startOutbox')
})
