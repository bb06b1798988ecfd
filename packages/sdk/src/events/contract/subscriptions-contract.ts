import { expect } from 'vitest'
import {
  DONE,
  dead,
  deadCount,
  drained,
  eventually,
  expectCode,
  newEvent,
  newEvents,
  numberOf,
  numbersOf,
  range,
  spec,
} from './events-contract.ts'
import type { EventTests } from './harness-contract.ts'
import { Taker } from './taker-contract.ts'

const answer = () => DONE
/** What a driver might mistake for something of its own, or its store for syntax. */
const NAMES = ['__proto__', 'constructor', 'a', 'a.b', 'a_b', 'a-b', '0', '.', 'n'.repeat(100)]

export const subscriptionTests: EventTests = {
  'says in a plan what applying would change, and does just that': async (t) => {
    const plan = await t.driver.plan(spec('a', ['a.*']))
    expect(plan.length).toBeGreaterThan(0)
    expect(plan[0]?.action).toBe('create')
    for (const { what } of plan) expect(what.length).toBeGreaterThan(3)
    expect(await t.driver.subscriptions()).toEqual([])
    expect(await t.driver.apply(spec('a', ['a.*']))).toEqual(plan)
    expect(await t.other.plan(spec('a', ['a.*']))).toEqual([])
    expect(await t.other.apply(spec('a', ['a.*']))).toEqual([])
  },

  'adds and removes patterns while what waits stays': async (t) => {
    await t.driver.apply(spec('a', ['a.*', 'b.*']))
    await t.driver.publish(newEvents('a.x', 5))
    const wanted = spec('a', ['b.*', 'c.*', 'd'])
    const plan = await t.other.plan(wanted)
    expect(plan.map(({ action }) => action).toSorted()).toEqual(['bind', 'bind', 'unbind'])
    expect(plan.map(({ what }) => what).join(' ')).toMatch(/c\.\*/)
    await t.other.apply(wanted)
    await t.driver.publish(['a.x', 'b.x', 'c.x', 'd', 'c'].map((type, index) => newEvent(type, { n: 5 + index })))
    const taker = await Taker.start(t.driver, 'a', { answer })
    expect(numbersOf(await taker.take(8))).toEqual([0, 1, 2, 3, 4, 6, 7, 8])
    await drained(t.driver, 'a')
    expect(taker.deliveries).toHaveLength(8)
    expect((await t.driver.stats('a')).patterns.toSorted()).toEqual(['b.*', 'c.*', 'd'])
  },

  'sees no change in the same patterns in another order': async (t) => {
    await t.driver.apply(spec('a', ['a', 'b', 'c.#']))
    expect(await t.other.plan(spec('a', ['c.#', 'a', 'b']))).toEqual([])
  },

  'changes the order of a subscription, and keeps what waits, in order': async (t) => {
    if (!t.driver.capabilities.strictOrder) return
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 1_200))
    const plan = await t.driver.plan(spec('a', ['a'], 'strict'))
    expect(plan.map(({ action }) => action)).toEqual(['migrate'])
    await t.driver.apply(spec('a', ['a'], 'strict'))
    expect(await t.driver.stats('a')).toMatchObject({ order: 'strict', waiting: 1_200 })
    await t.driver.publish(newEvents('a', 1, {}, 1_200))
    const taker = await Taker.start(t.other, 'a', { answer, prefetch: 500 })
    expect((await taker.take(1_201)).map(numberOf)).toEqual(range(1_201))
    expect(await t.driver.plan(spec('a', ['a'], 'strict'))).toEqual([])
  },

  'changes the order under load, with consumers in two processes, and loses nothing': async (t) => {
    if (!t.driver.capabilities.strictOrder) return
    await t.driver.apply(spec('a', ['a'], 'strict'))
    const takers = [await Taker.start(t.driver, 'a', { answer }), await Taker.start(t.other, 'a', { answer })]
    const publishing = (async () => {
      for (let first = 0; first < 500; first += 10) await t.other.publish(newEvents('a', 10, {}, first))
    })()
    await t.driver.apply(spec('a', ['a'], 'none'))
    await publishing
    const seen = () => new Set(takers.flatMap(({ deliveries }) => deliveries.map(numberOf)))
    await Taker.untilAll(takers, () => seen().size === 500, '500 events')
  },

  'applies in several processes at once': async (t) => {
    const drivers = [t.driver, t.other, await t.open()]
    await Promise.all(drivers.flatMap((driver, n) => [driver.apply(spec('shared')), driver.apply(spec(`own${n}`))]))
    expect(await t.driver.subscriptions()).toEqual(['own0', 'own1', 'own2', 'shared'])
    await t.driver.publish(newEvents('shared', 3))
    const taker = await Taker.start(t.other, 'shared', { answer })
    await taker.take(3)
    await drained(t.driver, 'shared')
    expect(taker.deliveries).toHaveLength(3)
  },

  'keeps subscriptions with similar and with odd names apart': async (t) => {
    for (const name of NAMES) await t.driver.apply(spec(name, ['all', `to.${name.replaceAll('.', '-')}`]))
    expect(await t.other.subscriptions()).toEqual(NAMES.toSorted())
    await t.driver.publish(newEvents('all', 1))
    for (const name of NAMES) {
      const taker = await Taker.start(t.other, name, { answer })
      expect([name, numbersOf(await taker.take(1))]).toEqual([name, [0]])
      await drained(t.other, name)
      expect(await t.driver.unsubscribe(name)).toBe(true)
      expect(taker.deliveries).toHaveLength(1)
    }
    expect(await t.driver.subscriptions()).toEqual([])
  },

  'ends a subscription with all that is in it': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.apply(spec('b', ['a']))
    await t.driver.publish(newEvents('a', 3))
    const taker = await Taker.start(t.driver, 'a', { prefetch: 1 })
    await (await taker.next()).settle(dead())
    await deadCount(t.driver, 'a', 1)
    await taker.consumer.close()
    expect(await t.other.unsubscribe('a')).toBe(true)
    expect(await t.driver.unsubscribe('a')).toBe(false)
    expect(await t.driver.subscriptions()).toEqual(['b'])
    await expectCode(t.driver.stats('a'), 'no_subscription')
    await expectCode(t.driver.deadLetters('a', { limit: 1 }), 'no_subscription')
    await expectCode(t.driver.changeDeadLetters('a', ['x'], { kind: 'drop' }), 'no_subscription')
    await t.driver.apply(spec('a'))
    expect(await t.driver.stats('a')).toMatchObject({ waiting: 0, dead: 0, taken: 0 })
    expect(await t.driver.deadLetters('a', { limit: 5 })).toEqual({ letters: [], cursor: null })
    expect(await t.driver.stats('b')).toMatchObject({ waiting: 3 })
  },

  'ends a subscription under its consumers, who take part again when it is back': async (t) => {
    await t.driver.apply(spec('a'))
    const taker = await Taker.start(t.driver, 'a', { answer })
    await t.other.unsubscribe('a')
    await eventually('it is gone', async () => !(await t.driver.subscriptions()).includes('a'))
    await t.other.apply(spec('a'))
    await t.other.publish(newEvents('a', 3))
    expect(numbersOf(await taker.take(3))).toEqual(range(3))
  },

  'gives a new subscription what is published from then on': async (t) => {
    await t.driver.apply(spec('old', ['a']))
    await t.driver.publish(newEvents('a', 3))
    await t.driver.apply(spec('new', ['a']))
    await t.driver.publish(newEvents('a', 2, {}, 3))
    const taker = await Taker.start(t.driver, 'new', { answer })
    expect(numbersOf(await taker.take(2))).toEqual([3, 4])
    await drained(t.driver, 'new')
    expect(taker.deliveries).toHaveLength(2)
  },

  'looks at what waits without changing it': async (t) => {
    await t.driver.apply(spec('a'))
    const before = await Taker.start(t.other, 'a')
    await before.consumer.stop()
    await t.driver.publish(newEvents('a', 10))
    let oldestMs = 0
    for (let n = 0; n < 5; n += 1) {
      const stats = await t.driver.stats('a')
      expect(stats.waiting).toBe(10)
      expect(stats.oldestMs).toBeGreaterThanOrEqual(oldestMs)
      oldestMs = stats.oldestMs ?? Infinity
    }
    const taker = await Taker.start(t.other, 'a', { prefetch: 1, answer })
    const all = await taker.take(10)
    expect(numbersOf(all)).toEqual(range(10))
    expect(all.every(({ attempt, crashes }) => attempt === 1 && crashes === 0)).toBe(true)
    await drained(t.driver, 'a')
    expect(taker.deliveries).toHaveLength(10)
  },

  'counts what waits, is taken and is dead, who consumes, and how old it is': async (t) => {
    await t.driver.apply(spec('a', ['a', 'x.#']))
    const plain = { name: 'a', order: 'none', paused: false, dead: 0 }
    expect(await t.other.stats('a')).toMatchObject({ ...plain, waiting: 0, taken: 0, consumers: 0, oldestMs: null })
    const taker = await Taker.start(t.driver, 'a', { prefetch: 2 })
    await t.driver.publish(newEvents('a', 1, { time: new Date(t.store.now() - 60_000).toISOString() }))
    await t.driver.publish(newEvents('a', 4, {}, 1))
    const held = await taker.take(2)
    await eventually('one consumes', async () => (await t.other.stats('a')).consumers === 1)
    await eventually('two are taken', async () => (await t.driver.stats('a')).taken === 2)
    const busy = await t.driver.stats('a')
    expect(busy).toMatchObject({ ...plain, waiting: 3, taken: 2, consumers: 1 })
    expect(busy.oldestMs).toBeGreaterThanOrEqual(0)
    const second = await Taker.start(t.other, 'a', { prefetch: 1, answer: () => dead() })
    await eventually('two consume', async () => (await t.other.stats('a')).consumers === 2)
    await deadCount(t.driver, 'a', 3)
    await second.consumer.close()
    await Promise.all(held.map((each) => each.settle(DONE)))
    await drained(t.driver, 'a')
    await eventually('one is left', async () => (await t.other.stats('a')).consumers === 1)
    expect((await t.driver.stats('a')).oldestMs).toBeNull()
    await expectCode(t.driver.stats('nobody'), 'no_subscription')
  },
}
