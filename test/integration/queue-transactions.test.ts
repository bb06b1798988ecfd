import type { Pool } from 'pg'
import type { Sql } from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import { sqlRunnerOf } from '../../packages/sdk/src/drivers/postgres/transaction.ts'
import type { NewJob, QueueDriver } from '../../packages/sdk/src/queue/driver.ts'
import { type DatabaseClients, databaseClients, LIBRARIES } from '../support/database-clients.ts'
import { newJob } from '../support/new-job.ts'
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts'

let database: FreshDatabase
let driver: QueueDriver
let clients: DatabaseClients
let pool: Pool
let sql: Sql
let queues = 0

beforeAll(async () => {
  database = await freshDatabase()
  driver = openPostgresQueueDriver({ url: database.url })
  await driver.check()
  clients = databaseClients(database.url)
  pool = clients.pool
  sql = clients.sql
  await pool.query('create table orders (id int primary key)')
})

afterAll(async () => {
  await driver.close()
  await clients[Symbol.asyncDispose]()
  await database.drop()
})

function job(options: Partial<NewJob> = {}): NewJob {
  return newJob({ body: '{"text":"a \\"quoted\\" ü \\u0000 line"}', settings: '{"attempts":5}', ...options })
}

function nextQueue(): string {
  queues += 1
  return `orders-${queues}`
}

async function add(queue: string, tx: object, jobs: readonly NewJob[]) {
  return (await driver.addWithin?.(tx, queue, jobs)) ?? []
}

test.each(LIBRARIES)('%s: jobs exist once its transaction commits', async (library) => {
  const transact = clients.transact(library)
  const queue = nextQueue()
  const first = job()
  const jobs = [first, job({ group: 'customer-1', priority: 7 }), job({ delayMs: 60_000 })]
  await transact(async (tx) => {
    const added = await add(queue, tx, jobs)
    expect(added).toEqual(jobs.map(({ id }) => ({ id, deduplicated: false })))
    expect(await driver.get(queue, [first.id])).toEqual([null])
  })
  const records = await driver.get(
    queue,
    jobs.map(({ id }) => id),
  )
  expect(records.map((record) => record?.state)).toEqual(['queued', 'queued', 'scheduled'])
  expect(records[0]).toMatchObject({ body: first.body, settings: first.settings, group: null })
  expect(records[1]).toMatchObject({ group: 'customer-1', priority: 7 })
  expect((await driver.stats(queue)).counts).toMatchObject({ queued: 2, scheduled: 1 })
})

test.each(LIBRARIES)('%s: a rollback leaves nothing', async (library) => {
  const transact = clients.transact(library)
  const queue = nextQueue()
  const one = job({ key: { value: 'order-1', ttlMs: 60_000 } })
  const failed = transact(async (tx) => {
    await add(queue, tx, [one])
    throw new Error('the order was refused')
  })
  await expect(failed).rejects.toThrow('the order was refused')
  expect(await driver.get(queue, [one.id])).toEqual([null])
  expect((await driver.stats(queue)).totals.added).toBe(0)
  const again = job({ key: one.key })
  expect(await driver.add(queue, [again])).toEqual([{ id: again.id, deduplicated: false }])
})

test.each(LIBRARIES)('%s: a taken key answers with the earlier job', async (library) => {
  const transact = clients.transact(library)
  const queue = nextQueue()
  const key = { value: 'order-1', ttlMs: 60_000 }
  const first = job({ key })
  await driver.add(queue, [first])
  await transact(async (tx) => {
    expect(await add(queue, tx, [job({ key })])).toEqual([{ id: first.id, deduplicated: true }])
  })
})

test('workers hear of it with the commit, not before', async () => {
  const queue = nextQueue()
  const heard: string[] = []
  let onSignal = (): void => undefined
  const signalled = new Promise<void>((resolve) => (onSignal = resolve))
  const end = await driver.listen([queue], (signal) => {
    heard.push(signal.kind)
    onSignal()
  })
  const client = await pool.connect()
  await client.query('begin')
  await add(queue, client, [job()])
  await driver.stats(queue)
  expect(heard).toEqual([])
  await client.query('commit')
  client.release()
  await signalled
  expect(heard).toEqual(['work'])
  end()
})

test('a long transaction keeps nobody else from adding and working', async () => {
  const queue = nextQueue()
  const client = await pool.connect()
  await client.query('begin')
  await add(queue, client, [job(), job({ group: 'g' })])
  const other = job({ group: 'g' })
  await driver.add(queue, [other, job()])
  await driver.renew({ id: 'w', about: '{}' }, [queue], 60_000)
  const none = { count: 0, ageMs: 0 }
  const keep = { succeeded: none, cancelled: none, dead: none }
  const { jobs } = await driver.exchange(queue, 'w', { results: [], want: 10, keep })
  expect(jobs).toHaveLength(2)
  const results = jobs.map((claimed) => ({ kind: 'succeeded' as const, job: claimed, value: null }))
  expect((await driver.exchange(queue, 'w', { results, want: 10, keep })).refused).toEqual([])
  await client.query('commit')
  client.release()
  expect((await driver.exchange(queue, 'w', { results: [], want: 10, keep })).jobs).toHaveLength(2)
})

test.each([
  ['pg’s pool', () => pool],
  [
    'a client of pg before begin',
    async () => {
      const client = await pool.connect()
      await client.query('select 1')
      client.release()
      return client
    },
  ],
  ['postgres.js outside of begin', () => sql],
  ['Kysely itself', () => clients.kysely],
  ['Drizzle itself', () => clients.drizzlePg],
  ['Prisma itself', () => ({ $queryRawUnsafe: () => [], $transaction: () => [], $connect: () => [] })],
  ['a plain object', () => ({ id: 1 })],
])('%s is refused: it would not be within the transaction', async (_, make) => {
  const notOne: object = await make()
  await expect(add(nextQueue(), notOne, [job()])).rejects.toMatchObject({ code: 'invalid_option' })
})

// Prisma's generator downloads an engine, so it is no dependency of these tests: its interactive transaction by its shape,
// which Prisma 7.10 with @prisma/adapter-pg was seen to have (commit, rollback, taken key, refusal outside of a transaction).
test('Prisma: placeholders and values go to $queryRawUnsafe', async () => {
  const client = await pool.connect()
  await client.query('begin')
  const tx = {
    $queryRawUnsafe: async (text: string, ...values: unknown[]) => (await client.query(text, values)).rows as unknown[],
  }
  const queue = nextQueue()
  const one = job()
  await add(queue, tx, [one])
  await client.query('commit')
  client.release()
  expect(await driver.get(queue, [one.id])).toMatchObject([{ id: one.id, state: 'queued' }])
})

test('what answers without rows is named', async () => {
  const run = sqlRunnerOf({ query: async () => ({ rowCount: 1 }), escapeIdentifier: (name: string) => name })
  await expect(run('select 1', [])).rejects.toMatchObject({ code: 'invalid_option' })
})
