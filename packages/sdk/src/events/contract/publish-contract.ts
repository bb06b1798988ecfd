import { expect } from 'vitest'
import {
  DONE,
  dead,
  deadCount,
  drained,
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

/** Each pattern with the types of `TYPES` that it matches. */
const TYPES = ['a', 'a.b', 'a.b.c', 'a.c', 'b', 'b.a', 'a.a.a.c', '__proto__', 'constructor.x', 'A.b', 'a-b_1']
const PATTERNS: Readonly<Record<string, readonly string[]>> = {
  a: ['a'],
  'a.b': ['a.b'],
  '*': ['a', 'b', '__proto__', 'a-b_1'],
  '#': TYPES,
  'a.*': ['a.b', 'a.c'],
  'a.#': ['a', 'a.b', 'a.b.c', 'a.c', 'a.a.a.c'],
  '*.b': ['a.b', 'A.b'],
  '#.c': ['a.b.c', 'a.c', 'a.a.a.c'],
  'a.#.c': ['a.b.c', 'a.c', 'a.a.a.c'],
  '*.*': ['a.b', 'a.c', 'b.a', 'constructor.x', 'A.b'],
  '#.a.#': ['a', 'a.b', 'a.b.c', 'a.c', 'b.a', 'a.a.a.c'],
  __proto__: ['__proto__'],
  'constructor.*': ['constructor.x'],
}

export const publishTests: EventTests = {
  'gives every subscription each matching event once, and shares one among its copies': async (t) => {
    await t.driver.apply(spec('mail', ['user.*']))
    await t.driver.apply(spec('stats', ['#']))
    const mails = [await Taker.start(t.driver, 'mail', { answer }), await Taker.start(t.other, 'mail', { answer })]
    const stats = await Taker.start(t.other, 'stats', { answer })
    await t.driver.publish(newEvents('user.signed_up', 200))
    await t.driver.publish(newEvents('order.placed', 1, {}, 200))
    const all = await stats.take(201)
    expect(numbersOf(await Taker.together(mails, 200))).toEqual(range(200))
    expect(numbersOf(all)).toEqual(range(201))
    for (const { attempt, crashes, firstFailedAt } of all)
      expect({ attempt, crashes, firstFailedAt }).toEqual({ attempt: 1, crashes: 0, firstFailedAt: null })
    await drained(t.driver, 'mail')
    await drained(t.driver, 'stats')
    expect(mails.flatMap(({ deliveries }) => deliveries)).toHaveLength(200)
  },

  'delivers an event as it was published': async (t) => {
    await t.driver.apply(spec('a'))
    const full = newEvent(
      'a',
      { text: 'ä€𝄞\u0000\n"\\', deep: [{ n: 1e21, nothing: null }] },
      {
        key: 'customer 1/ä',
        dataVersion: 3,
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        tracestate: 'vendor=x',
        source: 'shop ü',
        time: '2026-11-24T10:00:00.123Z',
      },
    )
    const plain = newEvent('a', null)
    const taker = await Taker.start(t.other, 'a', { answer })
    await t.driver.publish([full])
    const [first] = await taker.take(1)
    await t.driver.publish([plain])
    const [second] = await taker.take(1)
    expect([first?.event, second?.event]).toEqual([full, plain])
    expect([first?.raw, second?.raw]).toEqual([full.data, 'null'])
  },

  'delivers large events whole': async (t) => {
    await t.driver.apply(spec('a'))
    const large = newEvent('a', { text: 'ü€𝄞'.repeat(25_000) })
    await t.driver.publish([large, newEvent('a')])
    const taker = await Taker.start(t.other, 'a', { answer })
    const found = (await taker.take(2)).find(({ event }) => event?.id === large.id)
    expect(found?.raw === large.data).toBe(true)
  },

  'matches patterns word by word': async (t) => {
    const names = Object.keys(PATTERNS).map((pattern, index) => [`s${index}`, pattern] as const)
    for (const [name, pattern] of names) await t.driver.apply(spec(name, [pattern]))
    await t.driver.publish(TYPES.map((type) => newEvent(type)))
    for (const [name, pattern] of names) {
      const expected = PATTERNS[pattern] ?? []
      const taker = await Taker.start(t.other, name, { answer })
      const types = (await taker.take(expected.length)).map(({ event }) => event?.type ?? 'none')
      await drained(t.other, name)
      expect([pattern, types.toSorted(), taker.deliveries.length]).toEqual([
        pattern,
        expected.toSorted(),
        expected.length,
      ])
    }
    expect((await t.driver.unrouted()).count).toBe(0)
  },

  'delivers an event once to a subscription that asks for it twice': async (t) => {
    await t.driver.apply(spec('a', ['x.*', 'x.y', '#', 'z']))
    await t.driver.publish(newEvents('x.y', 20))
    const taker = await Taker.start(t.driver, 'a', { answer })
    expect(numbersOf(await taker.take(20))).toEqual(range(20))
    await drained(t.driver, 'a')
    expect(taker.deliveries).toHaveLength(20)
  },

  'keeps what is published while no consumer is there, and while its driver is closed': async (t) => {
    const gone = await t.open()
    await gone.apply(spec('a'))
    const before = await Taker.start(gone, 'a', { answer })
    await t.driver.publish(newEvents('a', 1))
    await before.take(1)
    await drained(t.driver, 'a')
    await gone.close()
    await t.driver.publish(newEvents('a', 10, {}, 1))
    const after = await Taker.start(await t.open(), 'a', { answer })
    expect(numbersOf(await after.take(10))).toEqual(range(10, 1))
    expect(before.deliveries).toHaveLength(1)
  },

  'takes many events at once, from many callers at once, and none': async (t) => {
    await t.driver.apply(spec('a'))
    await t.driver.publish([])
    const batches = range(20).map((batch) => newEvents('a', 100, {}, batch * 100))
    await Promise.all(batches.map((batch, index) => (index % 2 === 0 ? t.driver : t.other).publish(batch)))
    const taker = await Taker.start(t.driver, 'a', { answer, prefetch: 500 })
    expect(numbersOf(await taker.take(2_000))).toEqual(range(2_000))
    await drained(t.driver, 'a')
  },

  'keeps the order in which one caller published, as long as nothing fails': async (t) => {
    await t.driver.apply(spec('a'))
    for (const first of [0, 10, 20]) await t.driver.publish(newEvents('a', 10, {}, first))
    const taker = await Taker.start(t.driver, 'a', { prefetch: 1, answer })
    expect((await taker.take(30)).map(numberOf)).toEqual(range(30))
  },

  'publishes nothing for a caller that has given up': async (t) => {
    await t.driver.apply(spec('a'))
    const stopped = AbortSignal.abort(new Error('given up'))
    await expect(t.driver.publish(newEvents('a', 1), stopped)).rejects.toThrow('given up')
    await t.driver.publish(newEvents('a', 1, {}, 1))
    const taker = await Taker.start(t.driver, 'a', { answer })
    expect(numberOf(await taker.next())).toBe(1)
    await drained(t.driver, 'a')
    expect(taker.deliveries).toHaveLength(1)
  },

  'delivers what cannot be decoded as it came, and keeps it so among the dead': async (t) => {
    await t.driver.apply(spec('a'))
    await t.store.publishRaw('a', '{broken ü')
    const taker = await Taker.start(t.driver, 'a')
    const delivery = await taker.next()
    expect([delivery.event, delivery.raw, delivery.attempt]).toEqual([null, '{broken ü', 1])
    expect(await delivery.settle(dead('payload'))).toBe(true)
    await deadCount(t.driver, 'a', 1)
    const { letters } = await t.other.deadLetters('a', { limit: 5 })
    expect(letters).toMatchObject([
      { event: null, raw: '{broken ü', reason: 'payload', attempts: 0, error: '{"name":"Error","message":"boom"}' },
    ])
    expect(await t.driver.changeDeadLetters('a', [letters[0]?.id ?? ''], { kind: 'drop' })).toEqual(['done'])
  },

  'publishes within the transaction of its caller, or not at all': async (t) => {
    const publishWithin = t.driver.publishWithin?.bind(t.driver)
    const { transactions } = t.driver.capabilities
    expect([publishWithin !== undefined, 'begin' in t.store]).toEqual([transactions, transactions])
    if (publishWithin === undefined || t.store.begin === undefined) return
    await t.driver.apply(spec('a'))
    const [kept, undone] = [await t.store.begin(), await t.store.begin()]
    await publishWithin(kept.runner, newEvents('a', 3))
    await publishWithin(undone.runner, newEvents('a', 3, {}, 100))
    expect((await t.other.stats('a')).waiting).toBe(0)
    const taker = await Taker.start(t.other, 'a', { answer })
    await undone.rollback()
    await kept.commit()
    expect(numbersOf(await taker.take(3))).toEqual(range(3))
    await drained(t.other, 'a')
    expect(taker.deliveries).toHaveLength(3)
  },
}
