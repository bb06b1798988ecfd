import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { PandaError } from '../../packages/sdk/src/errors.ts'
import type { EventEnvelope } from '../../packages/sdk/src/events/envelope.ts'
import { Events } from '../../packages/sdk/src/events/index.ts'
import { startOutbox } from '../../packages/sdk/src/outbox/index.ts'
import { chooseSeed, seededRandom } from '../chaos/seeded-random.ts'
import { LIBRARIES } from '../support/database-clients.ts'
import { NotedTarget, outboxWorld } from '../support/outbox-world.ts'
import { waitFor } from '../support/wait-for.ts'

/** Events written inside transactions, on a real PostgreSQL; the broker is a list, so that every order can be looked at. */

const numbers = (events: readonly EventEnvelope[]) => events.map(({ data }) => (JSON.parse(data) as { n: number }).n)

describe('a transaction', () => {
  it.each(LIBRARIES)('of %s has its event published after the commit, in order', async (library) => {
    await using world = await outboxWorld()
    const target = new NotedTarget()
    const outbox = await world.start(target)
    const transact = world.clients.transact(library)
    let id = ''
    await transact(async (tx) => {
      id = (await world.events.publish('order.placed', { n: 1 }, { tx, key: 'customer-1' })).id
      await world.events.publish('order.paid', { n: 2 }, { tx })
      await outbox.flush()
      expect(target.events).toEqual([])
    })
    await waitFor('the events', () => target.events.length === 2)
    expect(target.events[0]).toMatchObject({
      id,
      source: 'shop',
      type: 'order.placed',
      key: 'customer-1',
      data: '{"n":1}',
    })
    expect(target.events[1]).toMatchObject({ type: 'order.paid', key: null, data: '{"n":2}' })
    await outbox.flush()
    expect(await world.left()).toBe(0)
  })

  it.each(LIBRARIES)('of %s that is rolled back leaves nothing', async (library) => {
    await using world = await outboxWorld()
    const target = new NotedTarget()
    const outbox = await world.start(target)
    const failed = world.clients.transact(library)(async (tx) => {
      await world.events.publish('order.placed', { n: 1 }, { tx })
      throw new Error('the order was refused')
    })
    await expect(failed).rejects.toThrow('the order was refused')
    await outbox.flush()
    expect(target.events).toEqual([])
  })

  // Its generator downloads an engine: its interactive transaction by its shape, as for the queue.
  it('of Prisma takes the event by $queryRawUnsafe', async () => {
    await using world = await outboxWorld()
    const target = new NotedTarget()
    const outbox = await world.start(target)
    await world.inTransaction(async (client) => {
      const tx = {
        $queryRawUnsafe: async (text: string, ...values: unknown[]) =>
          (await client.query(text, values)).rows as unknown[],
      }
      await world.events.publish('order.placed', { n: 1 }, { tx })
    })
    await outbox.flush()
    expect(numbers(target.events)).toEqual([1])
  })

  it('that is none is refused, and so is a database without an outbox', async () => {
    await using world = await outboxWorld()
    const publish = (tx: object) => world.events.publish('order.placed', { n: 1 }, { tx })
    await expect(publish(world.clients.pool)).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(publish({})).rejects.toMatchObject({ code: 'invalid_option' })
    const failed = world.inTransaction(async (tx) => void (await publish(tx)))
    await expect(failed).rejects.toMatchObject({ code: 'store_refused', hint: expect.stringContaining('startOutbox') })
  })

  it('is taken by a driver that can take part in it, without an outbox', async () => {
    await using world = await outboxWorld()
    const taken: EventEnvelope[] = []
    const driver = {
      publishWithin: async (run: (text: string, values: unknown[]) => Promise<unknown>, events: EventEnvelope[]) => {
        await run('select 1', [])
        taken.push(...events)
      },
    }
    const events = new Events({ driver: driver as never, source: 'shop' })
    await world.inTransaction(async (tx) => void (await events.publish('order.placed', { n: 4 }, { tx })))
    expect(numbers(taken)).toEqual([4])
  })
})

describe('the relay', () => {
  it('skips nothing and keeps the order of each key under 8 writers that commit late', async () => {
    const seed = chooseSeed()
    const random = seededRandom(seed)
    await using world = await outboxWorld()
    const target = new NotedTarget()
    const outboxes = [await world.start(target), await world.start(target)]
    const { pool } = world.clients
    await pool.query(
      'create table keys (key int primary key, n int not null); insert into keys select k, 0 from generate_series(1, 5) k',
    )
    const write = async (): Promise<void> => {
      for (let each = 0; each < 40; each += 1) {
        const key = 1 + Math.floor(random() * 5)
        const before = random() * 10
        const after = random() * 20
        await world
          .inTransaction(async (client) => {
            await delay(before)
            const { rows } = await client.query<{ n: number }>('update keys set n = n + 1 where key = $1 returning n', [
              key,
            ])
            await world.events.publish('key.changed', { n: rows[0]?.n ?? 0 }, { tx: client, key: String(key) })
            await delay(after)
            // A gap in the outbox's numbers: taken, and never committed.
            if (random() < 0.1) throw new Error('rolled back')
          })
          .catch((error: Error) => expect(error.message).toBe('rolled back'))
      }
    }
    await Promise.all(Array.from({ length: 8 }, write))
    await Promise.all(outboxes.map(async (outbox) => outbox.flush()))
    const { rows } = await pool.query<{ key: number; n: number }>('select key, n from keys order by key')
    const got = rows.map(({ key }) => numbers(target.events.filter((event) => event.key === String(key))))
    expect(got, `seed ${seed}`).toEqual(rows.map(({ n }) => Array.from({ length: n }, (_, index) => index + 1)))
    expect(target.events.length).toBeGreaterThan(200)
  })

  it('shares with others: what was there comes once and in order', async () => {
    await using world = await outboxWorld()
    await (await world.start(new NotedTarget())).close()
    await world.inTransaction(async (tx) => {
      for (let n = 0; n < 1200; n += 1) await world.events.publish('order.placed', { n }, { tx })
    })
    const target = new NotedTarget()
    const outboxes = await Promise.all([world.start(target), world.start(target), world.start(target)])
    await Promise.all(outboxes.map(async (outbox) => outbox.flush()))
    expect(numbers(target.events)).toEqual(Array.from({ length: 1200 }, (_, n) => n))
  })

  it('keeps what it has while the broker is away, says so, and drains it in order', async () => {
    await using world = await outboxWorld()
    const target = new NotedTarget()
    target.away = true
    const errors: PandaError[] = []
    const outbox = await world.start(target, (error) => errors.push(error))
    for (let n = 0; n < 30; n += 1)
      await world.inTransaction(async (tx) => void (await world.events.publish('order.placed', { n }, { tx })))
    await waitFor('the failure to be told', () => errors.length > 1)
    expect(errors[0]).toMatchObject({ code: 'store_away' })
    expect(await world.left()).toBe(30)
    target.away = false
    await outbox.flush()
    expect(numbers(target.events)).toEqual(Array.from({ length: 30 }, (_, n) => n))
    expect(await world.left()).toBe(0)
  })

  it('repeats with the same id what was published when it died before it could cross it off', async () => {
    await using world = await outboxWorld()
    const target = new NotedTarget()
    const lost = {
      capabilities: target.capabilities,
      publish: async (events: readonly EventEnvelope[]) => {
        await target.publish(events)
        if (target.calls === 1) throw new Error('died')
      },
    }
    const outbox = await world.start(lost)
    await world.inTransaction(async (tx) => void (await world.events.publish('order.placed', { n: 1 }, { tx })))
    await waitFor('the repeat', () => target.calls === 2)
    await outbox.flush()
    expect(new Set(target.events.map(({ id }) => id)).size).toBe(1)
    expect(target.events).toHaveLength(2)
  })

  it('leaves what is for another kind of broker to those that know one', async () => {
    await using world = await outboxWorld()
    const [rabbit, redis] = [new NotedTarget('rabbitmq'), new NotedTarget('redis')]
    const outbox = await world.start(redis)
    await world.inTransaction(async (tx) => void (await world.events.publish('order.placed', { n: 1 }, { tx })))
    await outbox.flush()
    expect(redis.events).toEqual([])
    expect(await world.left()).toBe(1)
    await (await world.start(rabbit)).flush()
    expect(numbers(rabbit.events)).toEqual([1])
  })

  it('needs to know where to: neither a store of queues nor a broker is an error', async () => {
    await using world = await outboxWorld()
    // The database of the outbox is no store to carry to, though it could be one.
    vi.stubEnv('DATABASE_URL', world.url)
    const failed = startOutbox()
    await expect(failed).rejects.toMatchObject({ code: 'no_store', hint: expect.stringContaining('PANDA_EVENTS_URL') })
    vi.unstubAllEnvs()
  })
})
