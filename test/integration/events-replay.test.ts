import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import { Events } from '../../packages/sdk/src/events/index.ts'
import { event, type EventWorld, eventWorld } from '../support/event-world.ts'
import { waitFor } from '../support/wait-for.ts'

/** A new subscription that begins in the past. */

let world: EventWorld
let driver: EventDriver
const closing: Events[] = []

beforeEach(async () => {
  world = await eventWorld()
  driver = world.driver()
  // Somebody is subscribed from the beginning: so nothing is kept for who comes later.
  await driver.apply({ name: 'always', patterns: ['#'], order: 'none' })
})
afterEach(async () => {
  for (const events of closing.splice(0)) await events.close({ grace: 1000 })
  await world[Symbol.asyncDispose]()
})

function open(more: { driver?: EventDriver } = {}): Events {
  const events = new Events({ driver: more.driver ?? driver, handleSignals: false, source: 'test' })
  closing.push(events)
  return events
}

async function publish(type: string, numbers: number[]): Promise<void> {
  await driver.publish(numbers.map((n) => event(type, { n })))
}

/** What a subscription of that name gets, with what is published after it began. */
async function got(from: string | Date | { offset: number } | undefined, last: number): Promise<number[]> {
  const numbers: number[] = []
  const options = { subscription: 'late', concurrency: 1, ...(from !== undefined && { from }) }
  await open().subscribe('order.*', options, (payload) => void numbers.push((payload as { n: number }).n))
  await publish('order.placed', [last])
  await waitFor('the last one', () => numbers.includes(last))
  return numbers.toSorted((a, b) => a - b)
}

describe('subscribe from', () => {
  it('a time ago fills a new subscription with what matches', async () => {
    await publish('order.placed', [1, 2])
    await publish('user.deleted', [3])
    expect(await got('1h', 4)).toEqual([1, 2, 4])
  })

  it('an offset begins there', async () => {
    await publish('order.placed', [1, 2, 3])
    const offsets: number[] = []
    const log = driver.readLog?.({ from: { offset: 0 }, patterns: ['order.*'], follow: false }) ?? []
    for await (const { offset } of log) offsets.push(offset)
    expect(await got({ offset: offsets[1] ?? 0 }, 4)).toEqual([2, 3, 4])
  })

  it('a time leaves out what was before', async () => {
    await driver.publish([event('order.placed', { n: 1 }, { time: '2026-01-01T00:00:00.000Z' })])
    await publish('order.placed', [2])
    expect(await got(new Date('2026-01-02T00:00:00Z'), 3)).toEqual([2, 3])
  })

  it('does nothing for a subscription that exists', async () => {
    await driver.apply({ name: 'late', patterns: ['order.*'], order: 'none' })
    await publish('order.placed', [1])
    await waitFor('the event', async () => (await driver.stats('late')).waiting === 1)
    expect(await got('1h', 2)).toEqual([1, 2])
  })

  it('nothing begins with what comes from now on', async () => {
    await publish('order.placed', [1])
    expect(await got(undefined, 2)).toEqual([2])
  })

  it('refuses a place that is none, and a broker without a log', async () => {
    const none = { subscription: 'late', from: 'yesterday' }
    await expect(open().subscribe('order.*', none, () => undefined)).rejects.toMatchObject({ code: 'invalid_option' })
    const logless = open({ driver: world.driver({ log: false }) })
    const late = { subscription: 'late', from: '1h' }
    await expect(logless.subscribe('order.*', late, () => undefined)).rejects.toMatchObject({ code: 'no_log' })
    expect(await driver.subscriptions()).toEqual(['always'])
  })
})
