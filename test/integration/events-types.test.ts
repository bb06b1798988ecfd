import { afterEach, beforeEach, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import type { EventEnvelope } from '../../packages/sdk/src/events/envelope.ts'
import { defineEvents, Events } from '../../packages/sdk/src/events/index.ts'
import { event, type EventWorld, eventWorld } from '../support/event-world.ts'
import { waitFor } from '../support/wait-for.ts'

/** Typed events from publisher to handler, on a real broker. */

const v1 = defineEvents({ 'order.placed': z.object({ id: z.string(), sum: z.number() }) })
const v2 = defineEvents({
  'order.placed': {
    version: 2,
    schema: z.object({ id: z.string(), total: z.number(), at: z.coerce.date() }),
    upgrade: { 1: (old: { id: string; sum: number }) => ({ id: old.id, total: old.sum, at: 0 }) },
  },
  'order.paid': z.object({ id: z.string() }),
})

let world: EventWorld
let driver: EventDriver
const closing: Pick<Events, 'close'>[] = []

beforeEach(async () => {
  world = await eventWorld()
  driver = world.driver()
})
afterEach(async () => {
  for (const events of closing.splice(0)) await events.close({ grace: 1000 })
  await world[Symbol.asyncDispose]()
})

function typed<P extends Record<string, unknown>, H extends Record<string, unknown>>(
  types: ReturnType<typeof defineEvents> & { '~types': { published: P; handled: H } },
): Events<P, H> {
  const events = new Events<P, H>({ driver, types, source: 'test', handleSignals: false })
  closing.push(events)
  return events
}

it('gives handlers of a new version the events of publishers of the old one', async () => {
  const got: unknown[] = []
  const consumer = typed(v2)
  await consumer.subscribe('order.placed', { subscription: 'stock' }, (order, { id }) => {
    expectTypeOf(order).toEqualTypeOf<{ id: string; total: number; at: Date }>()
    got.push({ ...order, event: id })
  })
  const first = await typed(v1).publish('order.placed', { id: 'a', sum: 5 })
  const second = await typed(v2).publish('order.placed', { id: 'b', total: 6, at: '2026-05-01' })
  await waitFor('both', () => got.length === 2)
  expect(got).toEqual(
    expect.arrayContaining([
      { id: 'a', total: 5, at: new Date(0), event: first.id },
      { id: 'b', total: 6, at: new Date('2026-05-01'), event: second.id },
    ]),
  )
})

it('sends what a consumer cannot know to its dead letters, with the reason and what to do', async () => {
  await typed(v1).subscribe('order.#', { subscription: 'old' }, () => undefined)
  await typed(v2).publish('order.placed', { id: 'b', total: 6, at: 0 })
  await typed(v2).publish('order.paid', { id: 'b' })
  await driver.publish([event('order.placed', { id: 7 }, { dataVersion: 1 })])
  await waitFor('three dead letters', async () => (await driver.stats('old')).dead === 3)
  const { letters } = await driver.deadLetters('old', { limit: 10 })
  expect(letters.map(({ reason }) => reason)).toEqual(['payload', 'payload', 'payload'])
  expect(letters.map(({ error }) => (JSON.parse(error ?? '{}') as { message: string }).message).toSorted()).toEqual([
    expect.stringContaining('There is no event type "order.paid"'),
    expect.stringMatching(/^order\.placed \S+ has version 2/),
    expect.stringContaining('does not fit its schema: id:'),
  ])
})

it('publishes nothing that does not fit', async () => {
  const events = typed(v2)
  await expect(events.publish('order.paid', { id: 7 } as never)).rejects.toMatchObject({ code: 'invalid_payload' })
  await expect(events.publish('order.pade' as never, {} as never)).rejects.toMatchObject({
    code: 'unknown_type',
    hint: expect.stringContaining('order.placed, order.paid'),
  })
  expect(await driver.unrouted()).toMatchObject({ count: 0 })
})

it('puts the attributes of CloudEvents 1.0 and the version on the wire', async () => {
  const { id } = await typed(v2).publish('order.paid', { id: 'x' }, { key: 'k' })
  const log = driver.readLog?.({ from: { offset: 0 }, patterns: ['#'], follow: false }) ?? []
  const found: EventEnvelope[] = []
  for await (const { event: each } of log) found.push(each)
  expect(found).toMatchObject([
    { id, source: 'test', type: 'order.paid', key: 'k', dataVersion: 1, data: '{"id":"x"}' },
  ])
})
