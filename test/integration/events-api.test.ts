import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'
import { defineEvents, Events, FinalError } from '../../packages/sdk/src/events/index.ts'
import type { EventsOptions } from '../../packages/sdk/src/events/index.ts'
import { freshVhost, type Vhost } from '../support/rabbitmq.ts'
import { waitFor } from '../support/wait-for.ts'

/** Events as applications use them, on a real RabbitMQ. */

interface SignUp {
  readonly userId: number
  readonly email: string
}
type Shop = { 'user.signed_up': SignUp; 'order.placed': { n: number }; '#': unknown }

let vhost: Vhost
const closing: Pick<Events, 'close'>[] = []

beforeEach(async () => {
  vhost = await freshVhost()
})
afterEach(async () => {
  for (const events of closing.splice(0)) await events.close({ grace: 1000 })
  await vhost.remove()
})

function open(options: EventsOptions<Shop> = {}): Events<Shop> {
  const events = new Events<Shop>({ url: vhost.url, handleSignals: false, onError: () => undefined, ...options })
  closing.push(events)
  return events
}

describe('fan-out', () => {
  it("gives every subscription every event once, and shares one subscription's among its copies", async () => {
    const got: string[] = []
    const take = (who: string) => (msg: SignUp) => void got.push(`${who} ${msg.email}`)
    await open().subscribe('user.signed_up', { subscription: 'mail' }, take('mail'))
    await open().subscribe('user.signed_up', { subscription: 'mail' }, take('mail'))
    await open().subscribe('user.signed_up', { subscription: 'crm' }, take('crm'))
    const producer = open()
    for (let n = 0; n < 20; n++) await producer.publish('user.signed_up', { userId: n, email: `${n}@x` })
    await waitFor('all deliveries', () => got.length >= 40)
    const expected = ['mail', 'crm'].flatMap((who) => Array.from({ length: 20 }, (_, n) => `${who} ${n}@x`))
    expect(got.toSorted()).toEqual(expected.toSorted())
  })

  it('keeps what was published while a consumer was down, and before it first came', async () => {
    const producer = open()
    await producer.publish('order.placed', { n: 1 })
    const first = open()
    const got: number[] = []
    const take = ({ n }: { n: number }) => void got.push(n)
    await first.subscribe('order.placed', { subscription: 'stock' }, take)
    await waitFor('the event before', () => got.includes(1))
    await first.close()
    await producer.publish('order.placed', { n: 2 })
    await open().subscribe('order.placed', { subscription: 'stock' }, take)
    await waitFor('the event meanwhile', () => got.includes(2))
    expect(got).toEqual([1, 2])
  })

  it('has several handlers in one subscription, by pattern', async () => {
    const got: string[] = []
    const events = open()
    await events.subscribe('user.signed_up', { subscription: 'app' }, () => void got.push('signup'))
    await events.subscribe('order.placed', { subscription: 'app' }, () => void got.push('order'))
    await events.publish('order.placed', { n: 1 })
    await events.publish('user.signed_up', { userId: 1, email: 'a@x' })
    await waitFor('both', () => got.length === 2)
    expect(got.toSorted()).toEqual(['order', 'signup'])
    await expect(events.subscribe('order.placed', { subscription: 'app' }, () => undefined)).rejects.toMatchObject({
      code: 'invalid_option',
    })
  })
})

describe('failures', () => {
  const quick = { attempts: 3, backoff: { kind: 'fixed', delay: 1, jitter: 0 } } as const

  it('are tried again with the attempt counted, the payload first and the event second', async () => {
    const seen: unknown[] = []
    const events = open({ source: 'shop' })
    await events.subscribe('order.placed', { subscription: 'stock', ...quick }, (payload, event) => {
      seen.push([payload, event.attempt, event.type, event.source])
      if (event.attempt < 3) throw new Error('not yet')
    })
    const { id } = await events.publish('order.placed', { n: 7 })
    expect(id).toMatch(/^[0-9a-z]{26}$/)
    await waitFor('three attempts', () => seen.length === 3, 20_000)
    expect(seen).toEqual([1, 2, 3].map((attempt) => [{ n: 7 }, attempt, 'order.placed', 'shop']))
  })

  it('that are final, or unfit for the schema, are dead letters with their reason', async () => {
    const types = defineEvents({ 'order.placed': z.object({ n: z.number() }) })
    const consumer = new Events({ url: vhost.url, types, handleSignals: false })
    closing.push(consumer)
    await consumer.subscribe('order.placed', { subscription: 'stock', ...quick }, ({ n }) => {
      if (n === 2) throw new FinalError('sold out')
    })
    await expect(consumer.publish('order.placed', { n: 'x' } as never)).rejects.toMatchObject({
      code: 'invalid_payload',
    })
    const producer = open()
    const unfit = await producer.publish('order.placed', { n: 'x' } as never)
    const final = await producer.publish('order.placed', { n: 2 })
    const driver = rabbitMqDriver({ url: vhost.url })
    try {
      const letters = async () => (await driver.deadLetters('stock', { limit: 10 })).letters
      await waitFor('two dead letters', async () => (await letters()).length === 2)
      const fates = new Map((await letters()).map(({ event, reason, attempts }) => [event?.id, { reason, attempts }]))
      expect(fates.get(unfit.id)).toEqual({ reason: 'payload', attempts: 0 })
      expect(fates.get(final.id)).toEqual({ reason: 'final', attempts: 1 })
    } finally {
      await driver.close()
    }
  })

  it('that take longer than their timeout abort the signal', async () => {
    const events = open()
    let reason: unknown = null
    await events.subscribe(
      'order.placed',
      { subscription: 'slow', attempts: 1, timeout: 50 },
      async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        reason = signal.reason
      },
    )
    await events.publish('order.placed', { n: 1 })
    await waitFor('the abort', () => reason !== null)
    expect(reason).toMatchObject({ code: 'timed_out' })
  })
})

describe('mistakes', () => {
  it.each([
    ['a type with a space', () => open().publish('user signed' as never, {} as never), 'invalid_option'],
    ['a pattern as a type', () => open().publish('#' as never, {} as never), 'invalid_option'],
    ['data that is no JSON', () => open().publish('order.placed', { n: 1n } as never), 'not_json'],
    ['300 KB', () => open().publish('order.placed', { n: 'x'.repeat(300_000) } as never), 'payload_too_large'],
    ['an unknown option', () => open().subscribe('#', { nme: 'x' } as never, () => undefined), 'invalid_option'],
    ['a bad subscription', () => open().subscribe('#', { subscription: 'A B' }, () => undefined), 'invalid_option'],
    ['no handler', () => open().subscribe('#', undefined as never), 'invalid_option'],
    ['a wrong vhost', () => open({ url: `${vhost.url}x` }).publish('order.placed', { n: 1 }), 'wrong_namespace'],
    ['a wrong scheme', async () => open({ url: 'http://x' }), 'invalid_url'],
  ])('%s', async (_, call, code) => {
    await expect((async () => call())()).rejects.toMatchObject({ name: 'PandaError', code })
  })

  it('a closed object takes nothing more', async () => {
    const events = open()
    await events.close()
    await expect(events.publish('order.placed', { n: 1 })).rejects.toMatchObject({ code: 'closed' })
  })
})
