import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openPostgresEventDriver } from '../../packages/sdk/src/drivers/postgres/event-driver.ts'
import { openPostgresQueueDriver } from '../../packages/sdk/src/drivers/postgres/index.ts'
import { SCHEMA_STEPS } from '../../packages/sdk/src/drivers/postgres/schema/index.ts'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import { Events } from '../../packages/sdk/src/events/index.ts'
import { Queue, QueueAdmin } from '../../packages/sdk/src/queue/index.ts'
import { collect, event, events, numberOf, spec } from '../support/event-world.ts'
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts'
import { waitFor } from '../support/wait-for.ts'

/** Subscriptions, log and unrouted events as they lie in PostgreSQL. */

let database: FreshDatabase
let admin: Client
const opened: EventDriver[] = []

beforeEach(async () => {
  database = await freshDatabase()
  admin = new Client({ connectionString: database.url })
  await admin.connect()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((driver) => driver.close()))
  await admin.end()
  await database.drop()
})

function open(): EventDriver {
  const driver = openPostgresEventDriver({ url: database.url })
  opened.push(driver)
  return driver
}

const count = async (table: string): Promise<number> => {
  const { rows } = await admin.query<{ count: string }>(`select count(*) from panda_queue.${table}`)
  return Number(rows[0]?.count)
}

describe('a subscription that is made while events are published', () => {
  const publishing = async (driver: EventDriver, upTo: number, onHalf: () => Promise<void>) => {
    let n = 0
    let reachHalf = (): void => undefined
    const half = new Promise<void>((resolve) => (reachHalf = resolve))
    const publish = async (): Promise<void> => {
      while (n < upTo) {
        const own = n
        n += 1
        if (own === upTo / 2) reachHalf()
        await driver.publish([event('made', { n: own })])
      }
    }
    await Promise.all([half.then(onHalf), publish(), publish(), publish(), publish()])
  }

  it('gets all, once each, when it is the first', async () => {
    const [driver, other] = [open(), open()]
    await driver.check()
    await publishing(driver, 400, async () => void (await other.apply(spec('first', ['made']))))
    const { deliveries } = await collect(other, 'first')
    await waitFor('all', () => deliveries.length >= 400)
    await waitFor('nothing more', async () => (await driver.stats('first')).taken === 0)
    expect(deliveries.map(numberOf).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, i) => i))
    expect((await driver.unrouted()).count).toBe(0)
  })

  it('gets what is published from then on, once each, when it is the second', async () => {
    const [driver, other] = [open(), open()]
    await driver.apply(spec('first', ['made']))
    await publishing(driver, 400, async () => {
      await other.apply(spec('second', ['made']))
      await driver.publish([event('made', { n: 1000 })])
    })
    const { deliveries } = await collect(other, 'second')
    await waitFor('the mark', () => deliveries.some((each) => numberOf(each) === 1000))
    await waitFor('nothing more', async () => {
      const { waiting, taken } = await driver.stats('second')
      return waiting + taken === 0
    })
    const numbers = deliveries.map(numberOf)
    expect(new Set(numbers).size).toBe(numbers.length)
    const behind = numbers.slice(numbers.indexOf(1000) + 1).toSorted((a, b) => a - b)
    expect(behind).toEqual(Array.from({ length: behind.length }, (_, i) => 400 - behind.length + i))
  })
})

describe('a publish that is repeated', () => {
  it('publishes nothing twice, whether what it published is waiting or done', async () => {
    const driver = open()
    await driver.apply(spec('a'))
    const batch = events('a', 5)
    await driver.publish([...batch, ...batch.slice(0, 2)])
    await driver.publish(batch)
    const { deliveries } = await collect(driver, 'a')
    await waitFor('five', async () => (await driver.stats('a')).waiting === 0 && deliveries.length >= 5)
    await driver.publish([...batch, event('a', { n: 5 })])
    await waitFor('the new one', () => deliveries.length >= 6)
    expect(deliveries.map(numberOf)).toEqual([0, 1, 2, 3, 4, 5])
    expect(await count('event_log')).toBe(6)
  })
})

describe('what is kept', () => {
  it('is bounded, the oldest goes first, and what somebody waits for is not touched', async () => {
    const driver = open()
    await driver.apply(spec('a'))
    await driver.publish(events('a', 30))
    await driver.publish(events('nobody', 20))
    await admin.query('select panda_queue.event_maintain_1(10, 86400000, 5)')
    expect([await count('event_log'), await count('event_unrouted')]).toEqual([10, 5])
    expect(await driver.stats('a')).toMatchObject({ waiting: 30 })
    await driver.apply(spec('late', ['nobody']))
    const { deliveries } = await collect(driver, 'late')
    await waitFor('the newest', () => deliveries.length === 5)
    expect(deliveries.map(numberOf)).toEqual([15, 16, 17, 18, 19])
    await admin.query(
      'update panda_queue.event_log set at = 0 where n in (select n from panda_queue.event_log order by n limit 4)',
    )
    await admin.query('select panda_queue.event_maintain_1(10, 86400000, 5)')
    expect(await count('event_log')).toBe(6)
  })
})

describe('the queues of subscriptions', () => {
  it('are not among those of users, and do not disturb them', async () => {
    const driver = open()
    await driver.apply(spec('mail', ['user.*']))
    await driver.publish([event('user.signed_up', { n: 1 })])
    const queue = new Queue('mail', { url: database.url })
    const queues = new QueueAdmin({ url: database.url })
    try {
      await queue.add({ to: 'ada' })
      expect(await queues.names()).toEqual(['mail'])
      expect((await queues.list()).map(({ name }) => name)).toEqual(['mail'])
      await expect(queues.get('events/mail')).rejects.toMatchObject({ code: 'invalid_option' })
      expect(await driver.stats('mail')).toMatchObject({ waiting: 1 })
      expect((await queue.stats()).counts.queued).toBe(1)
    } finally {
      await queues.close()
      await queue.close()
    }
  })
})

describe('a schema of an earlier version', () => {
  it('is brought up to date by several processes at once, with its jobs as they were', async () => {
    await admin.query('create schema panda_queue')
    await admin.query(
      'create table panda_queue.versions (version int4 primary key, readable_from int4 not null, applied_at timestamptz not null default now())',
    )
    const [first = ''] = SCHEMA_STEPS
    await admin.query(first.replaceAll('{s}', 'panda_queue').replaceAll('{channel}', 'panda_queue_'))
    await admin.query('insert into panda_queue.versions (version, readable_from) values (1, 1)')
    await admin.query(`select panda_queue.add_1(panda_queue.queue_1('uploads'), '01900000-0000-7000-8000-000000000000',
      array['01900000-0000-7000-8000-000000000001']::uuid[], array['{"n":1}'], null, null)`)
    const drivers = [open(), open(), open()]
    await Promise.all(drivers.map((driver, n) => driver.apply(spec(`s${n}`, ['a']))))
    expect(await drivers[0]?.subscriptions()).toEqual(['s0', 's1', 's2'])
    expect(await count('versions')).toBe(SCHEMA_STEPS.length)
    const queue = openPostgresQueueDriver({ url: database.url })
    expect((await queue.stats('uploads')).counts.queued).toBe(1)
    await queue.close()
  })
})

describe('an application', () => {
  it('publishes and subscribes on a database by its URL alone', async () => {
    const got: unknown[] = []
    const app = new Events({ url: database.url, source: 'shop', handleSignals: false })
    try {
      await app.publish('user.signed_up', { n: 1 })
      await app.subscribe('user.*', { subscription: 'mail' }, (payload, { type, attempt }) => {
        got.push([payload, type, attempt])
        if (attempt === 1) throw new Error('not yet')
      })
      await waitFor('the retry', () => got.length === 2)
      expect(got).toEqual([1, 2].map((attempt) => [{ n: 1 }, 'user.signed_up', attempt]))
    } finally {
      await app.close()
    }
  })
})
