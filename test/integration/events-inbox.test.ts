import { sql as drizzleSql } from 'drizzle-orm'
import { sql as kyselySql } from 'kysely'
import type { PoolClient } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Delivery, EventDriver } from '../../packages/sdk/src/events/driver.ts'
import type { EventEnvelope } from '../../packages/sdk/src/events/envelope.ts'
import { handleDelivery, type HandleRules } from '../../packages/sdk/src/events/handle-delivery.ts'
import { type EventContext, FinalError } from '../../packages/sdk/src/events/index.ts'
import type { DatabaseOnce } from '../../packages/sdk/src/events/once/database-once.ts'
import { planSubscribe } from '../../packages/sdk/src/events/subscribe-options.ts'
import { systemClock } from '../../packages/sdk/src/queue/clock.ts'
import type { DatabaseClients } from '../support/database-clients.ts'
import { duplicates, type InboxWorld, inboxWorld, pgEffect, placed, quick } from '../support/inbox-world.ts'
import { waitFor } from '../support/wait-for.ts'

/** Handlers with an inbox, on a real RabbitMQ and a real PostgreSQL. A duplicate is the same event published again. */

let world: InboxWorld

beforeEach(async () => {
  world = await inboxWorld()
})
afterEach(async () => {
  await world[Symbol.asyncDispose]()
})

/** How each library's user would write the effect. */
const LIBRARIES: Readonly<
  Record<string, { once: () => object; write: (tx: unknown, id: string, n: number) => Promise<unknown> }>
> = {
  pg: { once: () => ({ pool: world.clients.pool }), write: pgEffect },
  'postgres.js': {
    once: () => ({ db: world.clients.sql }),
    write: async (tx, id, n) => (tx as DatabaseClients['sql'])`insert into effects values (${id}, ${n})`,
  },
  Kysely: {
    once: () => ({ db: world.clients.kysely }),
    write: async (tx, id, n) =>
      kyselySql`insert into effects values (${id}, ${n})`.execute(tx as DatabaseClients['kysely']),
  },
  'Drizzle on pg': {
    once: () => ({ db: world.clients.drizzlePg }),
    write: async (tx, id, n) =>
      (tx as DatabaseClients['drizzlePg']).execute(drizzleSql`insert into effects values (${id}, ${n})`),
  },
  'Drizzle on postgres.js': {
    once: () => ({ db: world.clients.drizzlePostgresJs }),
    write: async (tx, id, n) =>
      (tx as DatabaseClients['drizzlePostgresJs']).execute(drizzleSql`insert into effects values (${id}, ${n})`),
  },
  'a function': { once: () => ({ db: world.clients.transact('pg') }), write: pgEffect },
}

describe('an inbox', () => {
  it.each(Object.entries(LIBRARIES))(
    'on %s skips and counts what comes again, rolls back a failure and tries again',
    async (_, { once, write }) => {
      const events = world.open()
      let calls = 0
      const options = { ...quick, exactlyOnce: once() as { db: object } }
      await events.subscribe('order.placed', options, async ({ n }, event) => {
        calls += 1
        await write(event.tx, event.id, n)
        if (n === 2 && event.attempt < 3) throw new Error('not yet')
      })
      const [one, two] = [placed(1), placed(2)]
      await world.driver.publish([one, two])
      await waitFor('both', async () => (await world.effects()).length === 2)
      await world.driver.publish([one, two, one])
      await waitFor('the duplicates to be skipped', () => duplicates(events) === 3)
      expect(await world.effects()).toEqual([
        { event: one.id, n: 1 },
        { event: two.id, n: 2 },
      ])
      expect(calls).toBe(4)
      expect(events.metrics()['stock']).toMatchObject({ deliveries: 7, done: 5, failed: 2, dead: 0 })
      expect(world.errors).toEqual([])
    },
  )

  it('skips what was committed by a process that died before it could say so', async () => {
    const event = placed(1)
    const mute = world.open({ driver: neverSettling(world.driver) })
    await mute.subscribe(
      'order.placed',
      { ...quick, exactlyOnce: { pool: world.clients.pool } },
      async ({ n }, { id, tx }) => {
        await pgEffect(tx, id, n)
      },
    )
    await world.driver.publish([event])
    await waitFor('the effect', async () => (await world.effects()).length === 1)
    await mute.close({ grace: 1 })
    const next = world.open()
    await next.subscribe(
      'order.placed',
      { ...quick, exactlyOnce: { pool: world.clients.pool } },
      async ({ n }, { id, tx }) => {
        await pgEffect(tx, id, n)
      },
    )
    await waitFor('the duplicate to be skipped', () => duplicates(next) === 1)
    expect(await world.effects()).toEqual([{ event: event.id, n: 1 }])
  })

  it('lets only one of two consumers work on an event that both were given', async () => {
    const event = placed(1)
    const delivered = { ...delivery(event), settle: async () => true }
    const once = await prepared()
    let inside = 0
    const rules = rulesFor(once, async (tx) => {
      inside += 1
      await new Promise((resolve) => setImmediate(resolve))
      await pgEffect(tx, event.id, 1)
    })
    const settled = await Promise.all([handleDelivery(delivered, rules), handleDelivery(delivered, rules)])
    expect(settled).toEqual([{ kind: 'done' }, { kind: 'done' }])
    expect(inside).toBe(1)
    expect(await world.effects()).toHaveLength(1)
  })

  it('takes what three processes died with for done when one of them had committed it', async () => {
    const once = await prepared()
    const [done, undone] = [placed(1), placed(2)]
    const rules = rulesFor(once, async (tx) => pgEffect(tx, done.id, 1))
    expect(await handleDelivery(delivery(done), rules)).toEqual({ kind: 'done' })
    expect(await handleDelivery(delivery(done, { crashes: 3 }), rules)).toEqual({ kind: 'done' })
    expect(await handleDelivery(delivery(undone, { crashes: 3 }), rules)).toMatchObject({
      kind: 'dead',
      reason: 'crashes',
    })
    expect(await world.effects()).toHaveLength(1)
  })

  it('has not handled a dead letter, which works when it is redriven', async () => {
    const events = world.open()
    let mended = false
    await events.subscribe(
      'order.placed',
      { ...quick, exactlyOnce: { pool: world.clients.pool } },
      async ({ n }, { id, tx }) => {
        await pgEffect(tx, id, n)
        if (!mended) throw new FinalError('sold out')
      },
    )
    const event = placed(1)
    await world.driver.publish([event])
    await waitFor('the dead letter', async () => (await world.deadLetters()).letters.length === 1)
    expect(await world.effects()).toEqual([])
    mended = true
    await world.driver.changeDeadLetters('stock', [event.id], { kind: 'redrive' })
    await waitFor('the effect', async () => (await world.effects()).length === 1)
  })

  it('waits for a database that is away, which is no failure of the handler', async () => {
    const events = world.open()
    let asked = 0
    const db = async (work: (tx: object) => Promise<void>): Promise<void> => {
      asked += 1
      if (asked === 2) throw new Error('the database is away')
      await world.clients.transact('pg')(work)
    }
    const attempts: number[] = []
    await events.subscribe('order.placed', { ...quick, exactlyOnce: { db } }, (_, { attempt }) => {
      attempts.push(attempt)
    })
    await world.driver.publish([placed(1)])
    await waitFor('the event', () => attempts.length === 1)
    expect(attempts).toEqual([1])
    expect(world.errors.map(({ message }) => message)).toEqual([expect.stringContaining('the database is away')])
  })
})

describe('a handler with an inbox', () => {
  async function failures(
    handler: (tx: PoolClient, id: string, signal: AbortSignal) => Promise<void>,
    timeout?: number,
  ) {
    const events = world.open()
    const options = {
      ...quick,
      attempts: 1,
      exactlyOnce: { pool: world.clients.pool },
      ...(timeout !== undefined && { timeout }),
    }
    await events.subscribe('order.placed', options, async (_, { tx, id, signal }) => handler(tx, id, signal))
    await world.driver.publish([placed(1)])
    return world.failure()
  }

  it('has not worked when it caught the failure of a statement: its transaction is lost', async () => {
    const message = await failures(async (tx, id) => {
      await pgEffect(tx, id, 1)
      await tx.query('select 1 / 0').catch(() => undefined)
    })
    expect(message).toContain('current transaction is aborted')
    expect(await world.effects()).toEqual([])
  })

  it('is told that commit is not its own', async () => {
    const message = await failures(async (tx) => void (await tx.query('commit')))
    expect(message).toContain('has ended its transaction itself')
  })

  it('that overstays its time is rolled back, once it has ended', async () => {
    const message = await failures(async (tx, id, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await pgEffect(tx, id, 1)
    }, 30)
    expect(message).toContain('took longer than 30 ms')
    expect(await world.effects()).toEqual([])
    // Its connection is of use to others.
    expect((await world.clients.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })
})

async function prepared(): Promise<DatabaseOnce> {
  const once = world.inbox()
  await once.prepare()
  return once
}

function delivery(event: EventEnvelope, more: Partial<Delivery> = {}): Delivery {
  const plain = { attempt: 1, crashes: 0, firstFailedAt: null, settle: async () => true }
  return { event, raw: event.data, ...plain, ...more }
}

function rulesFor(once: DatabaseOnce, work: (tx: unknown) => Promise<unknown>): HandleRules {
  const handler = async (_: never, event: EventContext) => work((event as unknown as { tx: unknown }).tx)
  const entry = { pattern: '#', handler, plan: planSubscribe({}, 0), once }
  return {
    subscription: 'stock',
    clock: systemClock,
    closing: new AbortController().signal,
    tracing: null,
    find: () => entry,
    types: null,
    track: () => undefined,
    onDuplicate: () => undefined,
    onError: (error) => void world.errors.push(error),
  }
}

/** A consumer whose settlements never get to the broker, as if it had died a moment before. */
function neverSettling(real: EventDriver): EventDriver {
  return new Proxy(real, {
    get: (target, name) => {
      if (name === 'consume')
        return async (...[subscription, options, onDelivery]: Parameters<EventDriver['consume']>) =>
          target.consume(subscription, options, (one) =>
            onDelivery({ ...plainDelivery(one), settle: () => new Promise<boolean>(() => undefined) }),
          )
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function plainDelivery({ event, raw, attempt, crashes, firstFailedAt }: Delivery): Omit<Delivery, 'settle'> {
  return { event, raw, attempt, crashes, firstFailedAt }
}
