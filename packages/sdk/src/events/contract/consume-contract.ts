import { expect } from 'vitest'
import { DONE, drained, eventually, expectCode, newEvents, numbersOf, range, spec } from './events-contract.ts'
import type { EventTests } from './harness-contract.ts'
import { Taker } from './taker-contract.ts'

const answer = () => DONE

export const consumeTests: EventTests = {
  'takes no more ahead than it is told, and leaves the rest to others': async (t) => {
    await t.driver.apply(spec('a'))
    const few = await Taker.start(t.driver, 'a', { prefetch: 3 })
    await t.driver.publish(newEvents('a', 20))
    const held = await few.take(3)
    const rest = await Taker.start(t.other, 'a', { answer })
    await rest.take(17)
    expect(few.deliveries).toHaveLength(3)
    await Promise.all(held.map((each) => each.settle(DONE)))
    await drained(t.driver, 'a')
    expect(numbersOf([...few.deliveries, ...rest.deliveries])).toEqual(range(20))
  },

  'takes more ahead, or nothing more, when it is told': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 20))
    const taker = await Taker.start(t.driver, 'a', { prefetch: 2 })
    await taker.take(2)
    await taker.consumer.setPrefetch(5)
    await taker.take(3)
    await taker.consumer.setPrefetch(0)
    await Promise.all(taker.deliveries.map((each) => each.settle(DONE)))
    const other = await Taker.start(t.other, 'a', { answer })
    await other.take(15)
    expect(taker.deliveries).toHaveLength(5)
    await taker.consumer.setPrefetch(1)
    await other.consumer.close()
    await t.driver.publish(newEvents('a', 1, {}, 20))
    expect(numbersOf(await taker.take(1))).toEqual([20])
  },

  'takes nothing more once stopped, and still settles what it holds': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 3))
    const taker = await Taker.start(t.driver, 'a')
    const held = await taker.take(3)
    await taker.consumer.stop()
    await t.driver.publish(newEvents('a', 5, {}, 3))
    const other = await Taker.start(t.other, 'a', { answer })
    expect(numbersOf(await other.take(5))).toEqual(range(5, 3))
    for (const each of held) expect(await each.settle(DONE)).toBe(true)
    await drained(t.driver, 'a')
    await taker.consumer.close()
    expect([taker.deliveries.length, other.deliveries.length]).toEqual([3, 5])
  },

  'hands back at once, as never taken, what a closing consumer holds': async (t) => {
    await t.driver.apply(spec('a'))
    const holder = await Taker.start(t.driver, 'a')
    await t.driver.publish(newEvents('a', 20))
    await holder.take(20)
    const heir = await Taker.start(t.other, 'a', { answer })
    await holder.consumer.close()
    await holder.consumer.close()
    const all = await heir.take(20)
    expect(numbersOf(all)).toEqual(range(20))
    expect(all.every(({ attempt, crashes, firstFailedAt }) => attempt + crashes === 1 && firstFailedAt === null)).toBe(
      true,
    )
    await drained(t.other, 'a')
  },

  'hands back what a closing driver holds': async (t) => {
    const closing = await t.open()
    await closing.apply(spec('a'))
    await closing.publish(newEvents('a', 10))
    await (await Taker.start(closing, 'a')).take(10)
    await closing.close()
    const heir = await Taker.start(t.other, 'a', { answer })
    const all = await heir.take(10)
    expect(numbersOf(all)).toEqual(range(10))
    expect(all.every(({ attempt, crashes }) => attempt === 1 && crashes === 0)).toBe(true)
  },

  'refuses every call after it was closed, and closes twice': async (t) => {
    const closed = await t.open()
    await closed.apply(spec('a'))
    await closed.close()
    await closed.close()
    const calls = [
      closed.publish(newEvents('a', 1)),
      closed.apply(spec('b')),
      closed.plan(spec('b')),
      closed.subscriptions(),
      closed.stats('a'),
      closed.pause('a', true),
      closed.unsubscribe('a'),
      closed.consume('a', { prefetch: 1 }, () => undefined),
      closed.deadLetters('a', { limit: 1 }),
      closed.changeDeadLetters('a', ['x'], { kind: 'drop' }),
      closed.unrouted(),
    ]
    for (const call of await Promise.allSettled(calls))
      expect(call).toMatchObject({ status: 'rejected', reason: { name: 'PandaError', code: 'closed' } })
    expect(await t.driver.subscriptions()).toEqual(['a'])
  },

  'consumes only what there is': async (t) => {
    await expectCode(
      t.driver.consume('nobody', { prefetch: 1 }, () => undefined),
      'no_subscription',
    )
  },

  'has several consumers of several subscriptions in one driver': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.apply(spec('b', ['a', 'b']))
    const takers = [await Taker.start(t.driver, 'a', { answer }), await Taker.start(t.driver, 'a', { answer })]
    const b = await Taker.start(t.driver, 'b', { answer })
    await t.driver.publish([...newEvents('a', 50), ...newEvents('b', 5, {}, 50)])
    expect(numbersOf(await Taker.together(takers, 50))).toEqual(range(50))
    expect(numbersOf(await b.take(55))).toEqual(range(55))
  },

  'pauses all consumers in all processes, and those that start later, until resumed': async (t) => {
    await t.driver.apply(spec('p'))
    const first = await Taker.start(t.driver, 'p', { answer })
    await t.other.pause('p', true)
    await eventually('the consumer has stopped', async () => (await t.other.stats('p')).consumers === 0)
    const second = await Taker.start(t.other, 'p', { answer })
    await t.other.publish(newEvents('p', 10))
    const late = await t.open()
    expect(await late.stats('p')).toMatchObject({ paused: true, waiting: 10, taken: 0, consumers: 0 })
    expect([first.deliveries.length, second.deliveries.length]).toEqual([0, 0])
    await late.pause('p', false)
    expect(numbersOf(await Taker.together([first, second], 10))).toEqual(range(10))
    expect(await t.driver.stats('p')).toMatchObject({ paused: false })
  },

  'keeps a subscription paused while it is applied again with other patterns': async (t) => {
    await t.driver.apply(spec('p'))
    await t.driver.pause('p', true)
    await t.driver.apply(spec('p', ['p', 'q']))
    const taker = await Taker.start(t.driver, 'p', { answer })
    await t.driver.publish([...newEvents('p', 1), ...newEvents('q', 1, {}, 1)])
    expect(await t.other.stats('p')).toMatchObject({ paused: true, waiting: 2 })
    expect(taker.deliveries).toEqual([])
    await t.driver.pause('p', false)
    expect(numbersOf(await taker.take(2))).toEqual([0, 1])
  },

  'lets what is held be settled through a pause': async (t) => {
    await t.driver.apply(spec('p'))
    await t.driver.publish(newEvents('p', 2))
    const taker = await Taker.start(t.driver, 'p')
    const held = await taker.take(2)
    await t.other.pause('p', true)
    for (const each of held) expect(await each.settle(DONE)).toBe(true)
    await t.other.pause('p', false)
    await t.driver.publish(newEvents('p', 1, {}, 2))
    expect(numbersOf(await taker.take(1))).toEqual([2])
    await expectCode(t.driver.pause('nobody', true), 'no_subscription')
  },
}
