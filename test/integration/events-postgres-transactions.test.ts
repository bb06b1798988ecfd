import { setTimeout as delay } from 'node:timers/promises'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgresEventDriver } from '../../packages/sdk/src/drivers/postgres/event-driver.ts'
import type { EventDriver, LoggedEvent } from '../../packages/sdk/src/events/driver.ts'
import type { EventEnvelope } from '../../packages/sdk/src/events/envelope.ts'
import { chooseSeed, seededRandom } from '../chaos/seeded-random.ts'
import { type DatabaseClients, databaseClients, LIBRARIES } from '../support/database-clients.ts'
import { collect, event, numberOf, spec } from '../support/event-world.ts'
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts'
import { waitFor } from '../support/wait-for.ts'

/** Events that are published in transactions of the caller's, which commit late, out of order, or not at all. */

let database: FreshDatabase
let driver: EventDriver
let pool: Pool
let clients: DatabaseClients

beforeAll(async () => {
  database = await freshDatabase()
  driver = openPostgresEventDriver({ url: database.url })
  pool = new Pool({ connectionString: database.url, max: 12 })
  clients = databaseClients(database.url)
  await driver.check()
})
afterAll(async () => {
  await driver.close()
  await pool.end()
  await clients[Symbol.asyncDispose]()
  await database.drop()
})

async function publishWithin(tx: object, events: readonly EventEnvelope[]): Promise<void> {
  if (driver.publishWithin === undefined) throw new Error('it knows no transactions')
  await driver.publishWithin(tx as never, events)
}

/** A transaction that is open until it is told how it ends. */
async function begin(isolation = 'read committed') {
  const client = await pool.connect()
  await client.query(`begin isolation level ${isolation}`)
  const end = async (how: 'commit' | 'rollback') => {
    await client.query(how)
    client.release()
  }
  return { client, end }
}

async function logged(type: string): Promise<readonly LoggedEvent[]> {
  const all: LoggedEvent[] = []
  for await (const each of driver.readLog?.({ from: { offset: 0 }, patterns: [type], follow: false }) ?? [])
    all.push(each)
  return all
}

describe('an event within a transaction', () => {
  it.each(LIBRARIES)('of %s is there when it commits, and never when it is rolled back', async (name) => {
    const type = `within.${name.replaceAll(/[^a-z]/gi, '_')}`
    const transact = clients.transact(name)
    await driver.apply(spec(type, [type]))
    await driver.apply(spec(`${type}.strict`, [type], 'strict'))
    const undone = new Error('undone')
    const failing = transact(async (tx) => {
      await publishWithin(tx, [event(type, { n: 1 }, { key: 'x' }), event(`${type}.nobody`, { n: 2 })])
      throw undone
    })
    await expect(failing).rejects.toThrow('undone')
    await transact(async (tx) => {
      await publishWithin(tx, [event(type, { n: 3, text: 'ü \u0000 "' }, { key: 'x' })])
      await publishWithin(tx, [event(type, { n: 4 }, { key: 'x' }), event(`${type}.later`, { n: 5 })])
      expect((await driver.stats(type)).waiting).toBe(0)
    })
    expect((await logged(`${type}.#`)).map(({ event: { data } }) => (JSON.parse(data) as { n: number }).n)).toEqual([
      3, 4, 5,
    ])
    const unrouted = (await driver.unrouted()).types
    expect([unrouted[`${type}.nobody`], unrouted[`${type}.later`]]).toEqual([undefined, 1])
    for (const subscription of [type, `${type}.strict`]) {
      const { deliveries } = await collect(driver, subscription)
      await waitFor('both', () => deliveries.length === 2)
      expect(deliveries.map(numberOf)).toEqual([3, 4])
    }
  })

  it('waits for no other, holds up nobody, and an apply neither', async () => {
    await driver.apply(spec('open', ['open'], 'strict'))
    const open = [await begin(), await begin(), await begin()]
    for (const [n, { client }] of open.entries()) await publishWithin(client, [event('open', { n }, { key: 'same' })])
    await driver.publish([event('open', { n: 3 }, { key: 'same' })])
    await driver.apply(spec('open.too', ['open']))
    const { deliveries } = await collect(driver, 'open')
    await waitFor('what is committed', () => deliveries.length === 1)
    for (const { end } of open.toReversed()) await end('commit')
    await waitFor('all', () => deliveries.length === 4)
    expect(new Set(deliveries.map(numberOf))).toEqual(new Set([0, 1, 2, 3]))
  })

  it.each(['read committed', 'repeatable read', 'serializable'])(
    'that began before its first subscription (%s) is delivered once, before what was published after it',
    async (isolation) => {
      const type = `early.${isolation.replace(' ', '_')}`
      const { client, end } = await begin(isolation)
      await client.query('select count(*) from panda_queue.event_subscriptions')
      await publishWithin(client, [event(type, { n: 0 }, { key: 'x' })])
      await driver.apply(spec(type, [type], 'strict'))
      await end('commit')
      await driver.publish([event(type, { n: 1 }, { key: 'x' })])
      const { deliveries } = await collect(driver, type)
      await waitFor('both', () => deliveries.length === 2)
      expect(deliveries.map(numberOf)).toEqual([0, 1])
      expect((await driver.unrouted()).types[type]).toBeUndefined()
    },
  )
})

describe('the log', () => {
  it('skips nothing of 8 writers that commit after random times, and keeps the order of each', async () => {
    const seed = chooseSeed()
    console.log(`writers: PANDA_SEED=${seed}`)
    const random = seededRandom(seed)
    const stop = new AbortController()
    const followed: LoggedEvent[] = []
    const following = (async () => {
      const from = { offset: 0 }
      for await (const each of driver.readLog?.({ from, patterns: ['gap.#'], follow: true }, stop.signal) ?? [])
        followed.push(each)
    })()
    following.catch(() => undefined)
    const naive = readByLastSeen(stop.signal)
    const committed = new Set<string>()
    const write = async (writer: number): Promise<void> => {
      for (let n = 0; n < 40; n += 1) {
        const { client, end } = await begin()
        const events = Array.from({ length: 1 + Math.floor(random() * 2) }, (_, i) =>
          event(`gap.w${writer}`, { n: 2 * n + i }, { key: `w${writer}` }),
        )
        await publishWithin(client, events)
        await delay(random() * 25)
        const isKept = random() > 0.1
        await end(isKept ? 'commit' : 'rollback')
        if (isKept) for (const { id } of events) committed.add(id)
      }
    }
    await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(write))
    await waitFor('the follower', () => followed.length >= committed.size)
    stop.abort(new Error('seen'))
    await expect(following).rejects.toThrow('seen')
    expect(new Set(followed.map(({ event: { id } }) => id))).toEqual(committed)
    expect(followed).toHaveLength(committed.size)
    const offsets = followed.map(({ offset }) => offset)
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
    for (let writer = 0; writer < 8; writer += 1) {
      const own = followed.filter(({ event: { key } }) => key === `w${writer}`)
      const numbers = own.map(({ event: { data } }) => (JSON.parse(data) as { n: number }).n)
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    }
    // What a reader of "offset > last seen" makes of the same minute: else this would prove nothing.
    expect((await naive).size).toBeLessThan(committed.size)
  })

  it('waits for no transaction that publishes nothing, and for one that does only so long', async () => {
    const other = await begin()
    await other.client.query('create table of_another (n int)')
    await driver.publish([event('wait.a', { n: 1 })])
    expect(await logged('wait.#')).toHaveLength(1)
    const late = await begin()
    await publishWithin(late.client, [event('wait.a', { n: 2 })])
    await driver.publish([event('wait.a', { n: 3 })])
    expect(await logged('wait.#')).toHaveLength(1)
    await late.end('commit')
    const numbers = (await logged('wait.#')).map(({ event: { data } }) => (JSON.parse(data) as { n: number }).n)
    expect(numbers).toEqual([1, 2, 3])
    await other.end('rollback')
  })
})

/** The way that misses what commits late. */
async function readByLastSeen(stop: AbortSignal): Promise<ReadonlySet<string>> {
  const client = new Client({ connectionString: database.url })
  await client.connect()
  const seen = new Set<string>()
  let last = 0
  while (!stop.aborted) {
    const { rows } = await client.query<{ n: string; id: string }>(
      `select n, id from panda_queue.event_log where n > $1 and body like '%"gap.w%' order by n`,
      [last],
    )
    for (const { n, id } of rows) {
      seen.add(id)
      last = Number(n)
    }
  }
  await client.end()
  return seen
}
