import { expect } from 'vitest'
import type { DeadLetter, EventDriver } from '../driver.ts'
import {
  DONE,
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

const answer = () => DONE

/** Ids of so many dead letters of a subscription `a`, in the order of their death, which is that of their numbers. */
async function buried(t: EventCase, count: number): Promise<readonly string[]> {
  await t.driver.apply(spec('a'))
  const events = newEvents('a', count)
  await t.driver.publish(events)
  const taker = await Taker.start(t.driver, 'a', { prefetch: 1 })
  for (let n = 0; n < count; n += 1) await (await taker.next()).settle(dead())
  await deadCount(t.driver, 'a', count)
  await taker.consumer.close()
  return events.map(({ id }) => id)
}

async function allLetters(driver: EventDriver, name: string, limit: number): Promise<readonly DeadLetter[]> {
  const all: DeadLetter[] = []
  let cursor: string | null | undefined
  while (cursor !== null) {
    const page = await driver.deadLetters(name, { limit, ...(cursor !== undefined && { cursor }) })
    expect(page.letters.length).toBeLessThanOrEqual(limit)
    all.push(...page.letters)
    cursor = page.cursor
  }
  return all
}

const redrive = { kind: 'redrive' } as const
const drop = { kind: 'drop' } as const

export const deadLetterTests: EventTests = {
  'lists them oldest first, by pages': async (t) => {
    const ids = await buried(t, 25)
    const all = await allLetters(t.other, 'a', 10)
    expect(new Set(all.map(({ id }) => id))).toEqual(new Set(ids))
    expect(all).toHaveLength(25)
    const times = all.map(({ deadAt }) => deadAt)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect((await t.driver.deadLetters('a', { limit: 25 })).cursor).toBeNull()
    expect((await t.driver.deadLetters('a', { limit: 100 })).letters.map(({ id }) => id)).toEqual(
      all.map(({ id }) => id),
    )
  },

  'goes on at its place when the letters before it have gone': async (t) => {
    await buried(t, 10)
    const first = await t.driver.deadLetters('a', { limit: 4 })
    const rest = (await allLetters(t.driver, 'a', 100)).slice(4).map(({ id }) => id)
    await t.other.changeDeadLetters(
      'a',
      first.letters.map(({ id }) => id),
      drop,
    )
    const second = await t.driver.deadLetters('a', { limit: 100, cursor: first.cursor ?? '' })
    expect(second.letters.map(({ id }) => id)).toEqual(rest)
    expect(second.cursor).toBeNull()
  },

  'lists those of a type or a reason alone': async (t) => {
    await t.driver.apply(spec('a', ['x', 'y']))
    await t.driver.publish([...newEvents('x', 6), ...newEvents('y', 6, {}, 6)])
    const by = (n: number) => dead(n % 3 === 0 ? 'final' : 'attempts')
    await Taker.start(t.driver, 'a', { answer: (each) => by(numberOf(each)) })
    await deadCount(t.driver, 'a', 12)
    const numbers = async (query: { type?: string; reason?: 'final' | 'attempts' | 'expired' }) =>
      numbersOf((await t.other.deadLetters('a', { limit: 50, ...query })).letters)
    expect(await numbers({})).toEqual(range(12))
    expect(await numbers({ type: 'x' })).toEqual(range(6))
    expect(await numbers({ type: 'y', reason: 'final' })).toEqual([6, 9])
    expect(await numbers({ reason: 'attempts' })).toEqual([1, 2, 4, 5, 7, 8, 10, 11])
    expect(await numbers({ reason: 'expired' })).toEqual([])
    expect(await numbers({ type: 'z' })).toEqual([])
    const page = await t.driver.deadLetters('a', { limit: 1, type: 'y', reason: 'final' })
    const more = await t.driver.deadLetters('a', { limit: 1, type: 'y', reason: 'final', cursor: page.cursor ?? '' })
    expect(numbersOf([...page.letters, ...more.letters])).toEqual([6, 9])
    expect(more.cursor).toBeNull()
  },

  'redrives them to their subscription alone, as if new': async (t) => {
    await t.driver.apply(spec('b', ['a']))
    const b = await Taker.start(t.other, 'b', { answer })
    const ids = await buried(t, 5)
    await b.take(5)
    expect(await t.other.changeDeadLetters('a', ids.slice(0, 3), redrive)).toEqual(['done', 'done', 'done'])
    const taker = await Taker.start(t.driver, 'a', { answer })
    const again = await taker.take(3)
    expect(numbersOf(again)).toEqual([0, 1, 2])
    for (const { attempt, crashes, firstFailedAt } of again)
      expect({ attempt, crashes, firstFailedAt }).toEqual({ attempt: 1, crashes: 0, firstFailedAt: null })
    expect(new Set(again.map(({ event }) => event?.id))).toEqual(new Set(ids.slice(0, 3)))
    await drained(t.driver, 'a')
    await drained(t.driver, 'b')
    expect([taker.deliveries.length, b.deliveries.length, (await t.driver.stats('a')).dead]).toEqual([3, 5, 2])
  },

  'redrives one with other data': async (t) => {
    const [id = ''] = await buried(t, 1)
    const before = await t.driver.deadLetters('a', { limit: 1 })
    expect(await t.driver.changeDeadLetters('a', [id], { kind: 'redrive', data: '{"n":999,"ü":"ü"}' })).toEqual([
      'done',
    ])
    const delivery = await (await Taker.start(t.driver, 'a', { answer })).next()
    expect(delivery.event).toEqual({ ...before.letters[0]?.event, data: '{"n":999,"ü":"ü"}' })
    expect(delivery.raw).toBe('{"n":999,"ü":"ü"}')
  },

  'drops them': async (t) => {
    const [one = '', two = '', ...rest] = await buried(t, 5)
    expect(await t.driver.changeDeadLetters('a', [two, 'nothing', one], drop)).toEqual(['done', 'not-found', 'done'])
    expect(await t.driver.changeDeadLetters('a', [one], redrive)).toEqual(['not-found'])
    expect((await t.other.deadLetters('a', { limit: 10 })).letters.map(({ id }) => id).toSorted()).toEqual(
      rest.toSorted(),
    )
    expect(await t.driver.changeDeadLetters('a', [], drop)).toEqual([])
    expect(await t.driver.stats('a')).toMatchObject({ dead: 3, waiting: 0 })
  },

  'redrives each once when several processes redrive the same at once': async (t) => {
    const ids = await buried(t, 30)
    const answers = await Promise.all([t.driver, t.other].map((each) => each.changeDeadLetters('a', ids, redrive)))
    for (const [index] of ids.entries())
      expect(answers.map((each) => each[index]).toSorted()).toEqual(['done', 'not-found'])
    const taker = await Taker.start(t.driver, 'a', { answer })
    expect(numbersOf(await taker.take(30))).toEqual(range(30))
    await drained(t.driver, 'a')
    expect([taker.deliveries.length, (await t.driver.stats('a')).dead]).toEqual([30, 0])
  },

  'holds one that dies again, with its new death': async (t) => {
    const [id = ''] = await buried(t, 1)
    const [first] = (await t.driver.deadLetters('a', { limit: 1 })).letters
    await t.driver.changeDeadLetters('a', [id], redrive)
    const taker = await Taker.start(t.driver, 'a')
    await (await taker.next()).settle(retry(0, '{"message":"again"}'))
    await (await taker.next()).settle(dead('attempts', '{"message":"last"}'))
    await deadCount(t.driver, 'a', 1)
    const [second] = (await t.driver.deadLetters('a', { limit: 1 })).letters
    expect(second).toMatchObject({ id, reason: 'attempts', attempts: 2, error: '{"message":"last"}' })
    expect(second?.deadAt).toBeGreaterThanOrEqual(first?.deadAt ?? 0)
    expect(second?.firstFailedAt).toBeGreaterThanOrEqual(first?.firstFailedAt ?? 0)
  },

  'redrives while the subscription is paused, for later': async (t) => {
    const ids = await buried(t, 3)
    await t.driver.pause('a', true)
    await t.driver.changeDeadLetters('a', ids, redrive)
    const taker = await Taker.start(t.driver, 'a', { answer })
    expect(await t.driver.stats('a')).toMatchObject({ waiting: 3, dead: 0 })
    await t.driver.pause('a', false)
    expect(numbersOf(await taker.take(3))).toEqual(range(3))
  },
}
