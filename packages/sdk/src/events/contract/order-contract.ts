import { expect } from 'vitest'
import type { Delivery } from '../driver.ts'
import {
  DONE,
  HOUR,
  RELEASED,
  dead,
  deadCount,
  drained,
  newEvent,
  newEvents,
  numberOf,
  numbersOf,
  range,
  retry,
  spec,
} from './events-contract.ts'
import type { EventCase, EventTests } from './harness-contract.ts'
import { Taker } from './taker-contract.ts'

const answer = () => DONE

/** A strict subscription `s` with events of these keys, numbered. */
async function strict(t: EventCase, keys: readonly (string | null)[]): Promise<void> {
  await t.driver.apply(spec('s', ['s'], 'strict'))
  await t.driver.publish(keys.map((key, n) => newEvent('s', { n }, { key })))
}

function lineOf(delivery: Delivery): string {
  return `${delivery.event?.key ?? '-'}${numberOf(delivery)}#${delivery.attempt}`
}

const ofKey = (key: string, deliveries: readonly Delivery[]) =>
  deliveries.filter(({ event }) => event?.key === key).map(lineOf)

export const orderTests: EventTests = {
  'has one event of a key out at a time, in order, and other keys beside it': async (t) => {
    await strict(t, ['x', 'x', 'y', 'x', 'y', 'z'])
    const taker = await Taker.start(t.driver, 's')
    const firsts = await taker.take(3)
    expect(firsts.map(lineOf).toSorted()).toEqual(['x0#1', 'y2#1', 'z5#1'])
    await firsts.find(({ event }) => event?.key === 'x')?.settle(DONE)
    const second = await taker.next()
    expect(lineOf(second)).toBe('x1#1')
    await second.settle(DONE)
    expect(lineOf(await taker.next())).toBe('x3#1')
    expect(taker.deliveries).toHaveLength(5)
  },

  'keeps the order of many keys, published one call after the other': async (t) => {
    await t.driver.apply(spec('s', ['s'], 'strict'))
    const keys = ['a', 'b', 'c', 'd', '__proto__']
    for (let first = 0; first < 500; first += 50)
      await t.driver.publish(range(50, first).map((n) => newEvent('s', { n }, { key: keys[n % 5] ?? null })))
    const taker = await Taker.start(t.other, 's', { answer, prefetch: 20 })
    const all = await taker.take(500)
    for (const [index, key] of keys.entries()) {
      const numbers = all.filter(({ event }) => event?.key === key).map(numberOf)
      expect([key, numbers]).toEqual([key, range(100).map((n) => n * 5 + index)])
    }
  },

  'has one row of all events without a key': async (t) => {
    await strict(t, [null, null, 'k', null])
    const taker = await Taker.start(t.driver, 's')
    const firsts = await taker.take(2)
    expect(firsts.map(lineOf).toSorted()).toEqual(['-0#1', 'k2#1'])
    await firsts.find(({ event }) => event?.key === null)?.settle(DONE)
    const second = await taker.next()
    expect(lineOf(second)).toBe('-1#1')
    await second.settle(DONE)
    expect(lineOf(await taker.next())).toBe('-3#1')
  },

  'holds back the key of an event that waits for its retry, and no other': async (t) => {
    await strict(t, ['x', 'x', 'y', 'x'])
    const taker = await Taker.start(t.driver, 's', {
      answer: (each) => (numberOf(each) === 0 && each.attempt < 3 ? retry(200) : DONE),
    })
    await taker.until(() => taker.settled.length >= 2)
    await t.store.advance(200)
    await taker.until(() => taker.settled.length >= 3)
    await t.store.advance(200)
    await taker.take(6)
    expect(ofKey('x', taker.deliveries)).toEqual(['x0#1', 'x0#2', 'x0#3', 'x1#1', 'x3#1'])
    const lines = taker.deliveries.map(lineOf)
    expect(lines.indexOf('y2#1')).toBeLessThan(lines.indexOf('x0#2'))
    await drained(t.driver, 's')
  },

  'keeps the place of an event that is released': async (t) => {
    await strict(t, ['x', 'x'])
    const taker = await Taker.start(t.driver, 's')
    const first = await taker.next()
    expect(await first.settle(RELEASED)).toBe(true)
    const again = await taker.next()
    expect(lineOf(again)).toBe('x0#1')
    await again.settle(DONE)
    expect(lineOf(await taker.next())).toBe('x1#1')
  },

  'goes on with the key when an event of it is dead, and with the letter when it is redriven': async (t) => {
    await strict(t, ['x', 'x', 'x'])
    const taker = await Taker.start(t.driver, 's')
    const first = await taker.next()
    expect(await first.settle(dead())).toBe(true)
    const second = await taker.next()
    expect(lineOf(second)).toBe('x1#1')
    await deadCount(t.driver, 's', 1)
    await t.other.changeDeadLetters('s', [first.event?.id ?? ''], { kind: 'redrive' })
    await second.settle(DONE)
    const rest = []
    for (let n = 0; n < 2; n += 1) {
      const each = await taker.next()
      rest.push(lineOf(each))
      await each.settle(DONE)
    }
    expect(rest.toSorted()).toEqual(['x0#1', 'x2#1'])
  },

  'goes on where another process stopped, in order': async (t) => {
    await strict(
      t,
      range(40).map(() => 'x'),
    )
    const first = await Taker.start(t.driver, 's')
    for (let n = 0; n < 10; n += 1) await (await first.next()).settle(DONE)
    const second = await Taker.start(t.other, 's', { answer })
    const held = await first.next()
    expect([numberOf(held), second.deliveries.length]).toEqual([10, 0])
    await first.consumer.close()
    expect((await second.take(30)).map(lineOf)).toEqual(range(30, 10).map((n) => `x${n}#1`))
  },

  'is handed back and forth as never taken': async (t) => {
    await strict(t, ['x', 'x', 'y'])
    for (let n = 0; n < 6; n += 1) {
      const taker = await Taker.start(n % 2 === 0 ? t.driver : t.other, 's', { prefetch: 1 })
      const delivery = await taker.next()
      expect([delivery.attempt, delivery.crashes, delivery.firstFailedAt]).toEqual([1, 0, null])
      await taker.consumer.close()
    }
    const last = await Taker.start(await t.open(), 's', { answer })
    expect(ofKey('x', await last.take(3))).toEqual(['x0#1', 'x1#1'])
    expect(last.deliveries.every(({ crashes }) => crashes === 0)).toBe(true)
  },

  'takes the attempts along to another process, and waits there as long': async (t) => {
    await strict(t, ['x', 'x'])
    const first = await Taker.start(t.driver, 's')
    await (await first.next()).settle(retry(0))
    const second = await first.next()
    expect(await second.settle(retry(HOUR))).toBe(true)
    await first.consumer.close()
    const heir = await Taker.start(t.other, 's')
    await t.driver.publish([newEvent('s', { n: 2 }, { key: 'y' })])
    expect(lineOf(await heir.next())).toBe('y2#1')
    expect(ofKey('x', heir.deliveries)).toEqual([])
  },

  'is kept apart from a free subscription to the same events': async (t) => {
    await t.driver.apply(spec('free', ['s']))
    await strict(t, ['x', 'x', 'x'])
    const free = await Taker.start(t.driver, 'free')
    expect(numbersOf(await free.take(3))).toEqual([0, 1, 2])
    const taker = await Taker.start(t.driver, 's', { answer })
    expect((await taker.take(3)).map(numberOf)).toEqual([0, 1, 2])
  },

  'is kept through a pause': async (t) => {
    await strict(
      t,
      range(20).map(() => 'x'),
    )
    const taker = await Taker.start(t.driver, 's')
    for (let n = 0; n < 5; n += 1) await (await taker.next()).settle(DONE)
    const held = await taker.next()
    await t.other.pause('s', true)
    await held.settle(DONE)
    await t.other.pause('s', false)
    for (let n = 6; n < 20; n += 1) {
      const each = await taker.next()
      expect(numberOf(each)).toBe(n)
      await each.settle(DONE)
    }
    await drained(t.driver, 's')
    await t.driver.publish(newEvents('s', 1, { key: 'x' }, 20))
    expect(numberOf(await taker.next())).toBe(20)
  },
}
