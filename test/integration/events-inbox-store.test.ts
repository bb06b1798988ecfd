import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NotBegun } from '../../packages/sdk/src/events/once/once.ts'
import { RedisOnce } from '../../packages/sdk/src/events/once/redis-once.ts'
import { CLEAN_EVERY_MS } from '../../packages/sdk/src/events/once/upkeep.ts'
import { type Outbox, startOutbox } from '../../packages/sdk/src/outbox/index.ts'
import { systemClock } from '../../packages/sdk/src/queue/clock.ts'
import { duplicates, type InboxWorld, inboxWorld, placed, quick } from '../support/inbox-world.ts'
import { NotedTarget } from '../support/outbox-world.ts'
import { freshRedis } from '../support/redis.ts'
import { waitFor } from '../support/wait-for.ts'

/** Where handled events are remembered: a table that stays small, or Redis. */

let world: InboxWorld
const closing: (() => void)[] = []

beforeEach(async () => {
  world = await inboxWorld()
})
afterEach(async () => {
  await world[Symbol.asyncDispose]()
  for (const close of closing.splice(0)) close()
})

describe('the table of the inbox', () => {
  it('is made once by many at the same time, also beside an outbox in the same schema', async () => {
    const outbox = openOutbox()
    const all = Array.from({ length: 6 }, (_, n) => world.inbox(n % 2 === 0 ? 'panda_queue' : 'mine').prepare())
    await Promise.all([...all, outbox])
    await (await outbox).close()
    const { rows } = await world.clients.pool.query(
      `select table_schema from information_schema.tables where table_name = 'inbox' order by 1`,
    )
    expect(rows).toEqual([{ table_schema: 'mine' }, { table_schema: 'panda_queue' }])
  })

  it('is bounded: what is older than its time is forgotten, of this subscription alone', async () => {
    const once = world.inbox()
    await once.prepare()
    const old = `insert into panda_queue.inbox select $1, 'e' || n, 'shop', now() - interval '8 days' from generate_series(1, 2500) n`
    await world.clients.pool.query(old, ['stock'])
    await world.clients.pool.query(old, ['mail'])
    await once.run({ id: 'new', source: 'shop' }, async () => undefined)
    expect(await once.clean()).toBe(2500)
    const { rows } = await world.clients.pool.query(
      'select subscription, count(*)::int as n from panda_queue.inbox group by 1 order by 1',
    )
    expect(rows).toEqual([
      { subscription: 'mail', n: 2500 },
      { subscription: 'stock', n: 1 },
    ])
  })

  it('is cleaned by its subscription itself, every minute until it is closed', async () => {
    const due: (() => void)[] = []
    const after: typeof systemClock.after = (ms, call, quiet) => {
      if (ms !== CLEAN_EVERY_MS) return systemClock.after(ms, call, quiet)
      due.push(call)
      return () => void due.splice(due.indexOf(call), 1)
    }
    const events = world.open({ clock: { ...systemClock, after } })
    await events.subscribe(
      'order.placed',
      { ...quick, exactlyOnce: { pool: world.clients.pool, keep: '1h' } },
      () => undefined,
    )
    await world.clients.pool.query(
      `insert into panda_queue.inbox values ('stock', 'e', 'shop', now() - interval '2 hours')`,
    )
    const count = async () => (await world.clients.pool.query('select from panda_queue.inbox')).rows.length
    expect(await count()).toBe(1)
    due.shift()?.()
    await waitFor('the table to be clean', async () => (await count()) === 0)
    await waitFor('the next time to be planned', () => due.length === 1)
    await events.close()
    expect(due).toEqual([])
  })
})

describe('with Redis', () => {
  it('an event that comes again within the time is skipped; what is noted expires', async () => {
    const { url, prefix } = await freshRedis()
    const redis = new Redis(url)
    closing.push(() => redis.disconnect())
    const events = world.open()
    const calls: number[] = []
    const once = { redis, keep: '1h', prefix }
    await events.subscribe('order.placed', { ...quick, exactlyOnce: once }, ({ n }, { attempt }) => {
      calls.push(n)
      if (attempt === 1) throw new Error('not yet')
    })
    const event = placed(1)
    await world.driver.publish([event])
    await waitFor('the second attempt', () => calls.length === 2)
    await world.driver.publish([event, placed(2)])
    await waitFor('the other', () => calls.length === 4)
    await waitFor('the duplicate to be skipped', () => duplicates(events) === 1)
    const left = await redis.pttl(`${prefix}:once:stock:${event.id}:test`)
    expect(left).toBeGreaterThan(3_500_000)
    expect(left).toBeLessThanOrEqual(3_600_000)
  })

  it('that cannot be asked, nothing is begun; that cannot note, the event is done and that is told', async () => {
    const told: Error[] = []
    const away = async () => Promise.reject(new Error('Redis is away'))
    const plan = { subscription: 'stock', keepMs: 1000, prefix: 'p', onError: (error: Error) => void told.push(error) }
    const key = { id: 'e', source: 'shop' }
    let calls = 0
    const work = async () => void (calls += 1)
    const deaf = new RedisOnce({ ...plan, redis: { get: away, set: away } })
    await expect(deaf.run(key, work)).rejects.toBeInstanceOf(NotBegun)
    const forgetful = new RedisOnce({ ...plan, redis: { get: async () => null, set: away } })
    expect(await forgetful.run(key, work)).toBe('done')
    expect(calls).toBe(1)
    expect(told.map(({ message }) => message)).toEqual([expect.stringContaining('could not be noted')])
  })
})

async function openOutbox(): Promise<Outbox> {
  return startOutbox({ pool: world.clients.pool, eventsTarget: new NotedTarget() })
}

const nothing = (): null => null

describe('mistakes in exactlyOnce', () => {
  it.each([
    ['nothing', {}, 'one of pool, db and redis'],
    ['no object', true, 'must be an object'],
    ['two stores', () => ({ pool: world.clients.pool, db: world.clients.sql }), 'one of pool, db and redis'],
    ['an unknown option', () => ({ pool: world.clients.pool, kep: '1d' }), '"kep"'],
    ['what is no client', { pool: { query: 1 } }, 'no database client'],
    ['a client of pg instead of a pool', () => ({ pool: { query: nothing, connect: nothing } }), 'no database client'],
    ['a schema that is no name', () => ({ pool: world.clients.pool, schema: 'a"b' }), 'is no name'],
    ['Redis without a time', { redis: { get: nothing, set: nothing, call: nothing } }, 'needs keep'],
    ['another client of Redis', { redis: { get: nothing, set: nothing }, keep: '1h' }, 'ioredis'],
    ['a time of nothing', () => ({ pool: world.clients.pool, keep: 0 }), 'longer than 0'],
  ])('%s', async (_, exactlyOnce, message) => {
    const given: unknown = typeof exactlyOnce === 'function' ? exactlyOnce() : exactlyOnce
    const subscribed = world.open().subscribe('order.placed', { exactlyOnce: given } as never, () => undefined)
    await expect(subscribed).rejects.toMatchObject({
      code: 'invalid_option',
      message: expect.stringContaining(message),
    })
  })
})
