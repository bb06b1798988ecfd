import { type AddressInfo, createServer } from 'node:net'
import { Client, Pool } from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import type { PostgresQueueOptions } from '../../packages/sdk/src/drivers/postgres/options.ts'
import type { LeaseKeeper, QueueDriver, Signal } from '../../packages/sdk/src/queue/driver.ts'
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts'
import { newJobs } from '../support/new-job.ts'
import { claim, succeed } from '../support/postgres-queue.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

/** What only this store can do, or can do wrong. */
let database: FreshDatabase
let admin: Pool
const opened: QueueDriver[] = []

beforeAll(async () => {
  database = await freshDatabase()
  admin = new Pool({ connectionString: database.url, max: 2 })
})

afterEach(async () => {
  for (const driver of opened.splice(0)) await driver.close()
})

afterAll(async () => {
  await admin.end()
  await database.drop()
})

function open(options: PostgresQueueOptions = { url: database.url }): QueueDriver {
  const driver = openPostgresQueueDriver(options)
  opened.push(driver)
  return driver
}

async function lease(driver: QueueDriver, queue: string): Promise<void> {
  await driver.renew({ id: 'w', about: '{}' }, [queue], 60_000)
}

async function problemOf(work: Promise<unknown>): Promise<Error & { code?: string; hint?: string }> {
  return work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error as Error,
  )
}

function urlWith(change: (url: URL) => void): string {
  const url = new URL(database.url)
  change(url)
  return url.href
}

test('many processes may make the schema at once', async () => {
  await using fresh = await freshDatabase()
  const drivers = Array.from({ length: 8 }, () => open({ url: fresh.url, connections: 1 }))
  await Promise.all(drivers.map(async (driver, n) => driver.add(`q${n % 2}`, newJobs(1))))
  expect((await drivers[0]?.stats('q0'))?.counts.queued).toBe(4)
  expect(await drivers[1]?.queues()).toEqual(['q0', 'q1'])
  for (const driver of opened.splice(0)) await driver.close()
})

test('two schemas in one database, over one pool of the caller, do not mix', async () => {
  const pool = new Pool({ connectionString: database.url, max: 2 })
  const one = open({ pool, schema: 'one' })
  const two = open({ pool, schema: 'two' })
  await one.add('q', newJobs(2))
  await two.add('q', newJobs(3))
  expect((await one.stats('q')).counts.queued).toBe(2)
  expect((await two.stats('q')).counts.queued).toBe(3)
  await one.close()
  await expect(one.queues()).rejects.toMatchObject({ code: 'closed' })
  expect((await two.stats('q')).counts.queued).toBe(3)
  await two.close()
  await pool.query('select 1')
  await pool.end()
})

test('a schema that is too new is named', async () => {
  await open({ url: database.url, schema: 'newer' }).check()
  await admin.query('insert into newer.versions (version, readable_from) values (999, 999)')
  const problem = await problemOf(open({ url: database.url, schema: 'newer' }).check())
  expect(problem).toMatchObject({ code: 'unsupported_version' })
  expect(problem.message).toContain('999')
})

test('a wrong password is unauthorized, and is not repeated in the message', async () => {
  const url = urlWith((changed) => (changed.password = 'not-the-password'))
  const problem = await problemOf(open({ url }).check())
  expect(problem).toMatchObject({ code: 'unauthorized' })
  expect(`${problem.message} ${problem.hint}`).not.toContain('not-the-password')
})

test('a database that is not there is named', async () => {
  const problem = await problemOf(open({ url: urlWith((changed) => (changed.pathname = '/nowhere')) }).check())
  expect(problem.code).toBe('store_refused')
  expect(problem.message).toContain('nowhere')
})

test('a read-only database is named', async () => {
  await using fresh = await freshDatabase()
  await admin.query(`alter database ${fresh.name} set default_transaction_read_only = on`)
  const driver = open({ url: fresh.url })
  expect(await problemOf(driver.check())).toMatchObject({ code: 'read_only' })
  expect(await problemOf(driver.add('q', newJobs(1)))).toMatchObject({ code: 'read_only' })
  for (const one of opened.splice(0)) await one.close()
})

test('a role without rights is told which it needs', async () => {
  await using fresh = await freshDatabase()
  const role = `poor_${fresh.name.slice(-8)}`
  await admin.query(`create role ${role} login password 'poor'`)
  const url = new URL(fresh.url)
  url.username = role
  url.password = 'poor'
  const problem = await problemOf(open({ url: url.href }).check())
  expect(problem.code).toBe('unauthorized')
  expect(problem.hint).toContain('schema')
  for (const one of opened.splice(0)) await one.close()
  await admin.query(`drop role ${role}`)
})

test('settings that can lose jobs are named', async () => {
  await using fresh = await freshDatabase()
  expect(await open({ url: fresh.url }).check()).toEqual([])
  await admin.query(`alter database ${fresh.name} set synchronous_commit = off`)
  const problems = await open({ url: fresh.url }).check()
  expect(problems.map(({ setting }) => setting)).toEqual(['synchronous_commit'])
  for (const one of opened.splice(0)) await one.close()
})

test('a waiting job of 100 bytes takes at most 250 bytes, and no claim reads the table from end to end', async () => {
  await using fresh = await freshDatabase()
  const driver = open({ url: fresh.url })
  await driver.check()
  const body = JSON.stringify({ text: 'x'.repeat(89) })
  expect(body).toHaveLength(100)
  for (let added = 0; added < 20_000; added += 1000) await driver.add('q', newJobs(1000, { body }))
  const client = new Client({ connectionString: fresh.url })
  await client.connect()
  const numbers = async () => {
    const { rows } = await client.query<Record<'bytes' | 'scans' | 'inserts' | 'updates', string>>(
      `select pg_total_relation_size(relid) as bytes, seq_scan as scans, n_tup_ins as inserts, n_tup_upd as updates
        from pg_stat_user_tables where schemaname = 'panda_queue' and relname = 'jobs'`,
    )
    const number = (name: 'bytes' | 'scans' | 'inserts' | 'updates'): number => Number(rows[0]?.[name])
    return { bytes: number('bytes'), scans: number('scans'), inserts: number('inserts'), updates: number('updates') }
  }
  expect((await numbers()).bytes / 20_000).toBeLessThanOrEqual(250)
  await client.query(`insert into panda_queue.jobs (id, seq, lane, state, rank, rare, body)
    select gen_random_uuid(), panda_queue.stamp() + n, id, 1, 0, false, '{}' from panda_queue.queues, generate_series(1, 80000) n where name = 'q'`)
  // Each connection tells its statistics some time later.
  const before = await waitFor('the statistics to arrive', async () => {
    const seen = await numbers()
    return seen.inserts >= 100_000 && seen
  })
  await lease(driver, 'q')
  for (let round = 0; round < 20; round += 1) {
    const jobs = await claim(driver, 'q', 100)
    expect(jobs).toHaveLength(100)
    expect(await succeed(driver, 'q', jobs)).toEqual([])
  }
  await driver.maintain('q')
  const after = await waitFor('the statistics to arrive', async () => {
    const seen = await numbers()
    return seen.updates >= 2000 && seen
  })
  expect(after.scans).toBe(before.scans)
  await client.end()
  for (const one of opened.splice(0)) await one.close()
})

test('a job that a long transaction committed late is found behind the place where claims have gone on', async () => {
  const driver = open()
  const client = new Client({ connectionString: database.url })
  await client.connect()
  await client.query('begin')
  const late = newJobs(1)
  await driver.addWithin?.(client, 'late', late)
  await driver.add('late', newJobs(300))
  await lease(driver, 'late')
  expect(await claim(driver, 'late', 100)).toHaveLength(100)
  expect(await claim(driver, 'late', 100)).toHaveLength(100)
  await client.query('commit')
  await client.end()
  expect(await claim(driver, 'late', 100)).toHaveLength(100)
  expect((await claim(driver, 'late', 100)).map(({ id }) => id)).toEqual(late.map(({ id }) => id))
})

test('groups that nobody uses any more are swept away, and come back when they are', async () => {
  const driver = open()
  const lanes = async (): Promise<number> => {
    const { rows } = await admin.query(
      "select from panda_queue.lanes l join panda_queue.queues q on q.id = l.queue where q.name = 'swept'",
    )
    return rows.length
  }
  await lease(driver, 'swept')
  await driver.add(
    'swept',
    newJobs(40).map((job, n) => ({ ...job, group: `g${n}` })),
  )
  await driver.maintain('swept')
  expect(await lanes()).toBe(40)
  const jobs = await claim(driver, 'swept', 40)
  await driver.maintain('swept')
  expect(await lanes()).toBe(40)
  expect(await succeed(driver, 'swept', jobs)).toEqual([])
  await driver.maintain('swept')
  expect(await lanes()).toBe(0)
  await driver.add(
    'swept',
    newJobs(1).map((job) => ({ ...job, group: 'g7' })),
  )
  expect((await claim(driver, 'swept', 1)).map(({ group }) => group)).toEqual(['g7'])
})

test('a pooler that keeps no prepared statements is noticed', async () => {
  const pool = new Pool({ connectionString: database.url, max: 1 })
  const driver = open({ pool })
  await driver.add('pooled', newJobs(1))
  // As if the next statement came to another connection of the pooler.
  await pool.query('deallocate all')
  await driver.add('pooled', newJobs(1))
  await pool.query('deallocate all')
  await driver.add('pooled', newJobs(1))
  expect((await driver.stats('pooled')).counts.queued).toBe(3)
  await driver.close()
  await pool.end()
})

test('a cut connection fails as store_away, and all goes on when it is back', async () => {
  const port = Number(new URL(database.url).port)
  await using proxy = await tcpProxy(port)
  const url = urlWith((changed) => {
    changed.hostname = '127.0.0.1'
    changed.port = String(proxy.port)
  })
  const driver = open({ url, timeoutMs: 2000 })
  const signals: Signal[] = []
  let tell = (): void => undefined
  const reconnected = new Promise<void>((resolve) => (tell = resolve))
  const end = await driver.listen(['cut'], (signal) => {
    signals.push(signal)
    if (signal.kind === 'reconnected') tell()
  })
  await driver.add('cut', newJobs(1))
  proxy.cut()
  expect(await problemOf(driver.add('cut', newJobs(1)))).toMatchObject({ code: 'store_away' })
  proxy.mend()
  await reconnected
  await driver.add('cut', newJobs(1))
  await waitFor('a signal over the new connection', () => signals.at(-1)?.kind === 'work')
  expect((await driver.stats('cut')).counts.queued).toBe(2)
  end()
  for (const one of opened.splice(0)) await one.close()
})

test('connections that the server ends are replaced, the listening one too', async () => {
  const driver = open()
  let onSignal: (signal: Signal) => void = () => undefined
  const next = async (kind: Signal['kind']): Promise<void> =>
    new Promise((resolve) => {
      onSignal = (signal) => (signal.kind === kind ? resolve() : undefined)
    })
  const end = await driver.listen(['ended'], (signal) => onSignal(signal))
  const back = next('reconnected')
  await admin.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'panda queue' and datname = current_database()",
  )
  await back
  const woken = next('work')
  await driver.add('ended', newJobs(1))
  await woken
  end()
})

test('a connection that the server ends in the packet that opens it is a store that is away', async () => {
  const message = (kind: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5)
    head.write(kind)
    head.writeInt32BE(body.length + 4, 1)
    return Buffer.concat([head, body])
  }
  const welcome = Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))])
  const end = 'terminating connection due to administrator command'
  const farewell = message('E', Buffer.from(`SFATAL\0C57P01\0M${end}\0\0`))
  let met = 0
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    // What it begins with, then nothing that matters.
    socket.once('data', () => {
      met += 1
      socket.end(Buffer.concat([welcome, farewell]))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const port = (server.address() as AddressInfo).port
    const driver = open({ url: `postgres://somebody@127.0.0.1:${port}/any`, timeoutMs: 2000 })
    // An error event that nobody heard would end the run here.
    expect(await problemOf(driver.check())).toMatchObject({ name: 'PandaError', code: 'store_away' })
    expect(met).toBeGreaterThan(0)
  } finally {
    server.close()
  }
})

test('a cut while it begins to listen is a store that is away, not an error that ends a worker', async () => {
  await using proxy = await tcpProxy(Number(new URL(database.url).port))
  const driver = open({ url: urlWith((changed) => (changed.port = String(proxy.port))) })
  await driver.listen(['one'], () => undefined)
  // Known already: what is left to be said is LISTEN itself.
  await driver.add('two', newJobs(1))
  const listening = problemOf(driver.listen(['two'], () => undefined))
  proxy.cut()
  expect(await listening).toMatchObject({ name: 'PandaError', code: 'store_away' })
  proxy.mend()
})

test('a connection that swallows everything is given up and replaced', async () => {
  const port = Number(new URL(database.url).port)
  await using proxy = await tcpProxy(port)
  const url = urlWith((changed) => {
    changed.hostname = '127.0.0.1'
    changed.port = String(proxy.port)
  })
  const driver = open({ url, timeoutMs: 500 })
  await driver.add('stalled', newJobs(1))
  proxy.stall()
  expect(await problemOf(driver.add('stalled', newJobs(1)))).toMatchObject({ code: 'store_away' })
  proxy.mend()
  await driver.add('stalled', newJobs(1))
  for (const one of opened.splice(0)) await one.close()
})

test('the keeper renews a lease from what can be handed to another thread', async () => {
  const driver = open()
  await driver.add('kept', newJobs(1))
  const plan = driver.keeperPlan()
  if (plan === null) throw new Error('there is no plan')
  const loaded = (await import(plan.module)) as { openKeeper(config: unknown): Promise<LeaseKeeper> }
  const keeper = await loaded.openKeeper(structuredClone(plan.config))
  expect(await keeper.renew({ id: 'w', about: '{}' }, ['kept'], 60_000)).toEqual({
    fresh: ['kept'],
    cancelled: new Map(),
  })
  expect(await claim(driver, 'kept', 1)).toHaveLength(1)
  await keeper.close()
  const pool = new Pool({ connectionString: database.url })
  expect(open({ pool }).keeperPlan()).toBeNull()
  await pool.end()
})

test.each([
  [{}, 'no_store'],
  [{ url: 'postgres://localhost/x', schema: 'Not; a schema' }, 'invalid_option'],
  [{ url: 'postgres://localhost/x', connections: 0 }, 'invalid_option'],
  [{ url: 'postgres://localhost/x', timeoutMs: 0 }, 'invalid_option'],
])('options %j are refused', (options: PostgresQueueOptions, code) => {
  expect(() => openPostgresQueueDriver(options)).toThrowError(expect.objectContaining({ code }))
})

test('a server that is not there fails in time', async () => {
  const driver = open({ url: 'postgres://nobody:secret@127.0.0.1:1/none', timeoutMs: 2000 })
  const problem = await problemOf(driver.add('q', newJobs(1)))
  expect(problem.code).toBe('store_away')
  expect(problem.message).not.toContain('secret')
})
