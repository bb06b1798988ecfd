import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newEvents, numberOf, range, spec } from '../../events/contract/events-contract.ts'
import { Taker } from '../../events/contract/taker-contract.ts'
import type { Delivery, EventDriver } from '../../events/driver.ts'
import type { QueueDriver } from '../../queue/driver.ts'
import { MemoryEvents, openMemoryCatalog } from '../memory/event-catalog.ts'
import { openMemoryQueueDriver } from '../memory/queue-driver.ts'
import { MemoryStore } from '../memory/store.ts'
import { queueOf } from './delivery-queue.ts'
import { openQueueEvents } from './event-driver.ts'

/** Processes that die with what they hold: the store hears nothing more of them, and their leases run out. */

const LEASE_MS = 10_000
const POISON = 4
let now = Date.UTC(2026, 10, 24)
let events: MemoryEvents
let opened: EventDriver[]

interface MortalProcess {
  readonly driver: EventDriver
  readonly die: () => void
}

beforeEach(() => {
  events = new MemoryEvents(new MemoryStore(() => now))
  opened = []
})
afterEach(async () => {
  for (const driver of opened) await driver.close()
})

function openProcess(): MortalProcess {
  let isDead = false
  const queue = openMemoryQueueDriver({ store: events.store })
  const mortal = new Proxy(queue, {
    get(target, name: keyof QueueDriver) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => (isDead && name !== 'close' ? nothing(name) : Reflect.apply(value, target, args))
    },
  })
  const driver = openQueueEvents({ driver: mortal, catalog: openMemoryCatalog(events) })
  opened.push(driver)
  return { driver, die: () => (isDead = true) }
}

/** What a dead process hears: all is well, and nothing of it arrives. */
async function nothing(name: keyof QueueDriver): Promise<unknown> {
  if (name === 'exchange') return { jobs: [], refused: [], againInMs: null, leased: true }
  if (name === 'maintain') return { recovered: 0, dead: 0, againInMs: null }
  if (name === 'renew') return { fresh: [], cancelled: new Map() }
  return []
}

async function buryLeases(name: string): Promise<void> {
  now += LEASE_MS + 1
  const outside = openMemoryQueueDriver({ store: events.store })
  await outside.maintain(queueOf(name))
  await outside.close()
}

describe('a delivery that kills its consumer', () => {
  it('is dead after three, and none of those that were taken beside it', async () => {
    const publisher = openProcess().driver
    await publisher.apply(spec('a'))
    await publisher.publish(newEvents('a', 30))
    const done = new Set<number>()
    let deaths = 0
    for (; (await publisher.stats('a')).dead === 0; deaths += 1) {
      expect(deaths).toBeLessThan(4)
      await livesUntilDeath(openProcess(), done)
      await buryLeases('a')
    }
    expect(deaths).toBe(3)
    await Taker.start(openProcess().driver, 'a', {
      prefetch: 100,
      answer: (each) => {
        done.add(numberOf(each))
        return { kind: 'done' }
      },
    })
    await expect.poll(() => done.size).toBe(29)
    const { letters } = await publisher.deadLetters('a', { limit: 10 })
    expect(letters).toMatchObject([{ reason: 'crashes', crashes: 3, attempts: 0, raw: `{"n":${POISON}}` }])
    expect([...done].sort((a, b) => a - b)).toEqual(range(30).filter((n) => n !== POISON))
  })

  it('is given out alone from its second time on, and others go on when it is done', async () => {
    const publisher = openProcess().driver
    await publisher.apply(spec('a'))
    await publisher.publish(newEvents('a', 10))
    const first = openProcess()
    await (await Taker.start(first.driver, 'a', { prefetch: 10 })).take(10)
    first.die()
    await buryLeases('a')
    const taker = await Taker.start(openProcess().driver, 'a', { prefetch: 10 })
    for (let n = 0; n < 10; n += 1) {
      const suspect = await taker.next()
      expect([suspect.crashes, suspect.attempt, taker.deliveries.length]).toEqual([1, 1, n + 1])
      expect(await suspect.settle({ kind: 'done' })).toBe(true)
    }
    await publisher.publish(newEvents('a', 10, {}, 10))
    const rest = await taker.take(10)
    expect(rest.every(({ crashes }) => crashes === 0)).toBe(true)
  })
})

/** Handles what it is given, and dies of the poison. */
async function livesUntilDeath(mortal: MortalProcess, done: Set<number>): Promise<void> {
  const { driver, die } = mortal
  await new Promise<void>((resolve, reject) => {
    const take = (delivery: Delivery): void => {
      if (numberOf(delivery) === POISON) {
        die()
        return resolve()
      }
      // A handler takes a while: what came with the poison is still being handled.
      setImmediate(
        () => void delivery.settle({ kind: 'done' }).then((is) => is && done.add(numberOf(delivery)), reject),
      )
    }
    driver.consume('a', { prefetch: 10 }, take).catch(reject)
  })
}
