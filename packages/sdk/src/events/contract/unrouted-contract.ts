import { expect } from 'vitest'
import { DONE, drained, eventually, newEvent, newEvents, numberOf, range, spec } from './events-contract.ts'
import type { EventTests } from './harness-contract.ts'
import { Taker } from './taker-contract.ts'

const answer = () => DONE

export const unroutedTests: EventTests = {
  'keeps and counts what nobody is subscribed to, and delivers it to its first subscription, in order': async (t) => {
    expect(await t.driver.unrouted()).toEqual({ count: 0, types: {}, oldestMs: null })
    const old = newEvent('early.a', { n: 0 }, { time: new Date(t.store.now() - 60_000).toISOString() })
    await t.driver.publish([old, ...newEvents('early.a', 29, {}, 1)])
    await t.other.publish([...newEvents('early.b', 5), newEvent('__proto__')])
    const before = await t.other.unrouted()
    expect(before.count).toBe(36)
    const types = new Map(Object.entries(before.types))
    expect(types).toEqual(
      new Map([
        ['__proto__', 1],
        ['early.a', 30],
        ['early.b', 5],
      ]),
    )
    expect(before.oldestMs).toBeGreaterThanOrEqual(0)
    await t.other.apply(spec('late', ['early.a']))
    const taker = await Taker.start(t.driver, 'late', { answer, prefetch: 1 })
    expect((await taker.take(30)).map(numberOf)).toEqual(range(30))
    await drained(t.driver, 'late')
    await eventually('the rest is still kept', async () => (await t.driver.unrouted()).count === 6)
  },

  'delivers it to the first and not again to the second': async (t) => {
    await t.driver.publish(newEvents('early', 3))
    await t.driver.apply(spec('first', ['#']))
    await t.driver.apply(spec('second', ['early']))
    await t.driver.publish(newEvents('early', 1, {}, 3))
    const [first, second] = [
      await Taker.start(t.driver, 'first', { answer }),
      await Taker.start(t.other, 'second', { answer }),
    ]
    expect((await first.take(4)).map(numberOf)).toEqual(range(4))
    expect((await second.take(1)).map(numberOf)).toEqual([3])
    await drained(t.driver, 'second')
    expect(second.deliveries).toHaveLength(1)
    expect(await t.driver.unrouted()).toEqual({ count: 0, types: {}, oldestMs: null })
  },

  'delivers it to a subscription that asks for the type later': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('b.c', 3))
    expect(await t.driver.unrouted()).toMatchObject({ count: 3, types: { 'b.c': 3 } })
    await t.other.apply(spec('a', ['a', 'b.*']))
    const taker = await Taker.start(t.driver, 'a', { answer })
    expect((await taker.take(3)).map(numberOf)).toEqual(range(3))
    expect((await t.driver.unrouted()).count).toBe(0)
  },

  'has a subscription for what a paused one asks for, and none for what an ended one did': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.pause('a', true)
    await t.driver.publish(newEvents('a', 2))
    expect((await t.driver.unrouted()).count).toBe(0)
    await t.driver.unsubscribe('a')
    await t.driver.publish(newEvents('a', 1, {}, 2))
    expect((await t.other.unrouted()).count).toBe(1)
    await t.driver.apply(spec('b', ['a']))
    const taker = await Taker.start(t.driver, 'b', { answer })
    expect((await taker.take(1)).map(numberOf)).toEqual([2])
  },

  'delivers it once when several processes subscribe at once': async (t) => {
    await t.driver.publish(newEvents('early', 50))
    await Promise.all([t.driver, t.other].map((driver) => driver.apply(spec('late', ['early']))))
    const taker = await Taker.start(t.driver, 'late', { answer })
    expect((await taker.take(50)).map(numberOf).toSorted((a, b) => a - b)).toEqual(range(50))
    await drained(t.driver, 'late')
    expect(taker.deliveries).toHaveLength(50)
  },
}
