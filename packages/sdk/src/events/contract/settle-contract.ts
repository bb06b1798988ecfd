import { expect } from 'vitest'
import {
  DONE,
  ERROR,
  HOUR,
  RELEASED,
  dead,
  deadCount,
  drained,
  newEvents,
  numberOf,
  numbersOf,
  range,
  retry,
  spec,
} from './events-contract.ts'
import type { EventCase, EventTests } from './harness-contract.ts'
import { Taker } from './taker-contract.ts'

const DELAY_MS = 400

/** One event of a subscription `a`, in the hands of a consumer. */
async function oneTaken(t: EventCase) {
  await t.driver.apply(spec('a'))
  await t.driver.publish(newEvents('a', 1))
  const taker = await Taker.start(t.driver, 'a')
  return { taker, delivery: await taker.next() }
}

export const settleTests: EventTests = {
  'forgets what is done': async (t) => {
    const { taker, delivery } = await oneTaken(t)
    expect(await delivery.settle(DONE)).toBe(true)
    await drained(t.driver, 'a')
    await taker.consumer.close()
    const again = await Taker.start(t.other, 'a')
    await t.driver.publish(newEvents('a', 1, {}, 1))
    expect(numberOf(await again.next())).toBe(1)
    expect(await t.driver.stats('a')).toMatchObject({ dead: 0 })
  },

  'brings back what failed when it is due and not before, with its attempts and its first failure': async (t) => {
    const { taker, delivery } = await oneTaken(t)
    const failedAt = t.store.now()
    expect(await delivery.settle(retry(DELAY_MS))).toBe(true)
    const settledAt = t.store.now()
    await t.store.advance(DELAY_MS)
    const second = await taker.next()
    expect(t.store.now() - failedAt).toBeGreaterThanOrEqual(DELAY_MS)
    expect(second).toMatchObject({ attempt: 2, crashes: 0, raw: delivery.raw, event: delivery.event })
    expect(second.firstFailedAt).toBeGreaterThanOrEqual(failedAt)
    expect(second.firstFailedAt).toBeLessThanOrEqual(settledAt)
    await second.settle(retry(DELAY_MS / 2))
    await t.store.advance(DELAY_MS / 2)
    const third = await taker.next()
    expect([third.attempt, third.firstFailedAt]).toEqual([3, second.firstFailedAt])
    expect(await third.settle(DONE)).toBe(true)
    await drained(t.driver, 'a')
  },

  'brings back at once what is to be tried again without delay': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 20))
    const taker = await Taker.start(t.driver, 'a', { answer: ({ attempt }) => (attempt < 4 ? retry(0) : DONE) })
    const all = await taker.take(80)
    for (const n of range(20))
      expect(all.filter((each) => numberOf(each) === n).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
    await drained(t.driver, 'a')
    expect(taker.settled.every(Boolean)).toBe(true)
  },

  'lets others pass an event that waits for its retry': async (t) => {
    const { taker, delivery } = await oneTaken(t)
    expect(await delivery.settle(retry(HOUR))).toBe(true)
    await t.driver.publish(newEvents('a', 10, {}, 1))
    const others = await taker.take(10)
    expect(numbersOf(others)).toEqual(range(10, 1))
    await Promise.all(others.map((each) => each.settle(DONE)))
    await drained(t.driver, 'a')
    const { retrying } = await t.driver.stats('a')
    expect([null, 1]).toContain(retrying)
    expect(taker.deliveries).toHaveLength(11)
  },

  'hands back what is released, as never taken': async (t) => {
    const { taker, delivery } = await oneTaken(t)
    expect(await delivery.settle(RELEASED)).toBe(true)
    const again = await taker.next()
    expect(again).toMatchObject({ attempt: 1, crashes: 0, firstFailedAt: null, raw: delivery.raw })
    await again.settle(retry(0))
    const second = await taker.next()
    expect(await second.settle(RELEASED)).toBe(true)
    const released = await taker.next()
    expect(released).toMatchObject({ attempt: 2, crashes: 0, firstFailedAt: second.firstFailedAt })
    await released.settle(DONE)
    await drained(t.driver, 'a')
  },

  'puts what is dead among the dead letters, and delivers it no more': async (t) => {
    const { taker, delivery } = await oneTaken(t)
    const before = t.store.now()
    await delivery.settle(retry(0, '{"message":"first"}'))
    const second = await taker.next()
    expect(await second.settle(dead('attempts', ERROR))).toBe(true)
    await deadCount(t.driver, 'a', 1)
    const { letters, cursor } = await t.other.deadLetters('a', { limit: 10 })
    expect(cursor).toBeNull()
    const [letter] = letters
    const { firstFailedAt } = second
    expect(letter).toMatchObject({ reason: 'attempts', error: ERROR, attempts: 2, crashes: 0, firstFailedAt })
    expect(letter).toMatchObject({ id: delivery.event?.id, event: delivery.event, raw: delivery.raw })
    expect(letter?.deadAt).toBeGreaterThanOrEqual(before)
    expect(letter?.deadAt).toBeLessThanOrEqual(t.store.now())
    await drained(t.driver, 'a')
    expect(taker.deliveries).toHaveLength(2)
  },

  'counts as attempts only calls of the handler that failed': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 5))
    const reasons = ['attempts', 'final', 'payload', 'crashes', 'expired'] as const
    await Taker.start(t.driver, 'a', { answer: (each) => dead(reasons[numberOf(each)]) })
    await deadCount(t.driver, 'a', 5)
    const { letters } = await t.driver.deadLetters('a', { limit: 10 })
    const attempts = Object.fromEntries(letters.map((letter) => [letter.reason, letter.attempts]))
    expect(attempts).toEqual({ attempts: 1, final: 1, payload: 0, crashes: 0, expired: 0 })
  },

  'settles many at once, each its own way': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 300))
    const ways = [DONE, retry(0), RELEASED, dead('final')]
    const met = new Set<number>()
    const taker = await Taker.start(t.driver, 'a', {
      prefetch: 300,
      answer: (each) => {
        const n = numberOf(each)
        const settlement = met.has(n) ? DONE : ways[n % 4]
        met.add(n)
        return settlement ?? DONE
      },
    })
    await taker.until(() => taker.settled.length >= 450)
    expect(taker.settled.every(Boolean)).toBe(true)
    await drained(t.driver, 'a')
    const expected = range(300).flatMap((n) => (n % 4 === 1 || n % 4 === 2 ? [n, n] : [n]))
    expect(numbersOf(taker.deliveries)).toEqual(expected)
    await deadCount(t.driver, 'a', 75)
  },

  'takes one settlement of a delivery and refuses the next': async (t) => {
    const { taker, delivery } = await oneTaken(t)
    expect(await delivery.settle(retry(0))).toBe(true)
    expect(await delivery.settle(DONE)).toBe(false)
    expect(await delivery.settle(dead())).toBe(false)
    const again = await taker.next()
    expect(await again.settle(DONE)).toBe(true)
    expect(await again.settle(RELEASED)).toBe(false)
    await drained(t.driver, 'a')
    expect(await t.driver.stats('a')).toMatchObject({ dead: 0 })
    expect(taker.deliveries).toHaveLength(2)
  },

  'takes one of several settlements at once': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 20))
    const first = await Taker.start(t.driver, 'a')
    const ways = [DONE, retry(0), dead(), RELEASED]
    let [deaths, returns] = [0, 0]
    for (const [index, delivery] of (await first.take(20)).entries()) {
      const turned = ways.map((_, way) => ways[(way + index) % 4] ?? DONE)
      const accepted = await Promise.all(turned.map((settlement) => delivery.settle(settlement)))
      expect(accepted.filter(Boolean)).toHaveLength(1)
      const { kind } = turned[accepted.indexOf(true)] ?? DONE
      deaths += Number(kind === 'dead')
      returns += Number(kind === 'retry' || kind === 'released')
    }
    for (const again of await first.take(returns)) expect(await again.settle(DONE)).toBe(true)
    await deadCount(t.driver, 'a', deaths)
    await drained(t.driver, 'a')
    expect(first.deliveries).toHaveLength(20 + returns)
  },

  'hands back only what has no settlement under way when its consumer closes': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 30))
    const closing = await Taker.start(t.driver, 'a')
    const all = await closing.take(30)
    const burying = all.slice(0, 20).map(async (each) => [numberOf(each), await each.settle(dead())] as const)
    await closing.consumer.close()
    const buried = (await Promise.all(burying)).filter(([, accepted]) => accepted).map(([n]) => n)
    const rest = range(30).filter((n) => !buried.includes(n))
    await deadCount(t.driver, 'a', buried.length)
    const heir = await Taker.start(t.other, 'a', { answer: () => DONE })
    const again = await heir.take(rest.length)
    expect(numbersOf(again)).toEqual(rest)
    expect(again.every(({ attempt, crashes }) => attempt === 1 && crashes === 0)).toBe(true)
    await drained(t.driver, 'a')
    expect([heir.deliveries.length, (await t.driver.stats('a')).dead]).toEqual([rest.length, buried.length])
  },

  'refuses the settlement of a delivery that was handed back by its consumer': async (t) => {
    const { taker, delivery } = await oneTaken(t)
    await taker.consumer.close()
    for (const settlement of [DONE, retry(0), dead(), RELEASED]) expect(await delivery.settle(settlement)).toBe(false)
    const again = await Taker.start(t.other, 'a')
    expect(await (await again.next()).settle(DONE)).toBe(true)
    await drained(t.driver, 'a')
    expect(await t.driver.stats('a')).toMatchObject({ dead: 0 })
  },

  'gives what a lost consumer held to another, and refuses what the lost one says of it later': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 10))
    const lost = await t.open()
    const holder = await Taker.start(lost, 'a')
    const stale = await holder.take(10)
    await holder.consumer.setPrefetch(0)
    const heir = await Taker.start(t.other, 'a', { answer: () => DONE })
    await t.store.lose(lost)
    const all = await heir.take(10)
    expect(numbersOf(all)).toEqual(range(10))
    expect(all.every(({ attempt, firstFailedAt }) => attempt === 1 && firstFailedAt === null)).toBe(true)
    for (const late of stale) expect(await late.settle(DONE)).toBe(false)
    await heir.until(() => heir.settled.length === 10)
    expect(heir.settled.every(Boolean)).toBe(true)
    await drained(t.driver, 'a')
    expect(await t.driver.stats('a')).toMatchObject({ dead: 0 })
  },

  'takes no more at a time than it is told of what a lost consumer held': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish(newEvents('a', 10))
    const lost = await t.open()
    const holder = await Taker.start(lost, 'a')
    await holder.take(10)
    await holder.consumer.setPrefetch(0)
    const heir = await Taker.start(t.other, 'a', { prefetch: 2 })
    await t.store.lose(lost)
    for (let n = 0; n < 10; n += 1) {
      const delivery = await heir.next()
      const settled = n
      expect(heir.deliveries.length - settled).toBeLessThanOrEqual(2)
      expect(await delivery.settle(DONE)).toBe(true)
    }
    await drained(t.driver, 'a')
    expect(numbersOf(heir.deliveries)).toEqual(range(10))
  },
}
