import { expect, test } from 'vitest'
import { collect, event, events, eventWorld, numberOf, spec } from '../support/event-world.ts'
import { waitFor } from '../support/wait-for.ts'

test('dead letters are listed oldest first, by pages and filters, then redriven, edited and dropped', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a', ['a', 'b']))
  const got = await collect(driver, 'a', ({ attempt, event: each }) =>
    each?.type === 'b' && attempt === 1
      ? { kind: 'retry', delayMs: 0, error: '{"message":"first"}' }
      : { kind: 'dead', reason: each?.type === 'b' ? 'attempts' : 'final', error: '{"message":"boom"}' },
  )
  await driver.publish([...events('a', 40), event('b', { n: 40 })])
  await got.atLeast(42)
  await waitFor('41 dead', async () => (await driver.stats('a')).dead === 41)
  const first = await driver.deadLetters('a', { limit: 25 })
  const second = await driver.deadLetters('a', { limit: 25, cursor: first.cursor ?? '' })
  expect([first.letters.length, second.letters.length, second.cursor]).toEqual([25, 16, null])
  const [b] = (await driver.deadLetters('a', { limit: 5, type: 'b', reason: 'attempts' })).letters
  expect(b).toMatchObject({
    reason: 'attempts',
    attempts: 2,
    error: '{"message":"boom"}',
    event: { type: 'b' },
    raw: '{"n":40}',
  })
  expect(b?.firstFailedAt).toBeLessThanOrEqual(b?.deadAt ?? 0)
  await got.consumer.close()
  const [one, two, ...rest] = [...first.letters, ...second.letters].map(({ id }) => id)
  expect(await driver.changeDeadLetters('a', [one ?? ''], { kind: 'redrive', data: '{"n":999}' })).toEqual(['done'])
  expect(await driver.changeDeadLetters('a', [two ?? '', 'nothing'], { kind: 'drop' })).toEqual(['done', 'not-found'])
  expect((await driver.changeDeadLetters('a', rest, { kind: 'redrive' })).every((each) => each === 'done')).toBe(true)
  expect(await driver.deadLetters('a', { limit: 5 })).toEqual({ letters: [], cursor: null })
  const again = await collect(driver, 'a')
  const all = await again.atLeast(40)
  expect(all.every(({ attempt, firstFailedAt }) => attempt === 1 && firstFailedAt === null)).toBe(true)
  expect(all.map(numberOf)).toContain(999)
})

test('what cannot be decoded is delivered as such, and keeps its bytes among the dead', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a'))
  await world.vhost.publishRaw('panda.entry', 'a', '{broken')
  const got = await collect(driver, 'a', () => ({ kind: 'dead', reason: 'payload', error: '{}' }))
  const [only] = await got.atLeast(1)
  expect(only?.event).toBeNull()
  await waitFor('its letter', async () => (await driver.stats('a')).dead === 1)
  const { letters } = await driver.deadLetters('a', { limit: 1 })
  expect(letters[0]).toMatchObject({ event: null, raw: '{broken', reason: 'payload', attempts: 0 })
})

test('a pause holds for all consumers in all processes, and for those that start later', async () => {
  await using world = await eventWorld()
  const [a, b] = [world.driver(), world.driver()]
  await a.apply(spec('p'))
  const first = await collect(a, 'p')
  await b.pause('p', true)
  await waitFor('the first to stop', async () => (await b.stats('p')).consumers === 0)
  const second = await collect(b, 'p')
  await b.publish(events('p', 10))
  expect(await b.stats('p')).toMatchObject({ paused: true, waiting: 10, consumers: 0 })
  expect([first.deliveries.length, second.deliveries.length]).toEqual([0, 0])
  await a.pause('p', false)
  await waitFor('all ten', () => first.deliveries.length + second.deliveries.length === 10)
  await expect(a.pause('nobody', true)).rejects.toMatchObject({ code: 'no_subscription' })
})

test('the log is read from an offset or a time, followed, and replayed to one subscription alone', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.publish(events('a.x', 50))
  const before = new Date()
  await driver.publish(events('a.y', 50))
  const read = async (from: { offset: number } | { time: number }, patterns: string[]) => {
    const all: number[] = []
    for await (const { event: each } of driver.readLog?.({ from, patterns, follow: false }) ?? [])
      all.push((JSON.parse(each.data) as { n: number }).n)
    return all
  }
  expect((await read({ offset: 0 }, ['#'])).length).toBe(100)
  expect(await read({ offset: 0 }, ['a.y'])).toEqual(Array.from({ length: 50 }, (_, n) => n))
  expect((await read({ time: before.getTime() }, ['a.*'])).length).toBe(50)
  const stop = new AbortController()
  const followed: string[] = []
  const following = (async () => {
    for await (const { event: each } of driver.readLog?.(
      { from: { offset: 0 }, patterns: ['z'], follow: true },
      stop.signal,
    ) ?? [])
      followed.push(each.type)
  })()
  await driver.publish([event('z')])
  await waitFor('the followed event', () => followed.length === 1)
  stop.abort(new Error('enough'))
  await expect(following).rejects.toThrow('enough')
  await driver.apply(spec('late', ['a.x']))
  await driver.apply(spec('other', ['a.#']))
  const late = await collect(driver, 'late')
  await late.atLeast(50)
  expect(await driver.replay?.('late', { offset: 0 })).toBe(50)
  await late.atLeast(100)
  expect((await driver.stats('other')).waiting).toBe(50)
})

test('handing back: what a closing consumer held goes to another at once, as never taken', async () => {
  await using world = await eventWorld()
  const [a, b] = [world.driver(), world.driver()]
  await a.apply(spec('h'))
  const holder = await collect(a, 'h', () => null)
  await a.publish(events('h', 20))
  await holder.atLeast(20)
  await holder.consumer.close()
  expect(await holder.deliveries[0]?.settle({ kind: 'done' })).toBe(false)
  const taker = await collect(b, 'h')
  const all = await taker.atLeast(20)
  expect(all.every(({ attempt, crashes }) => attempt === 1 && crashes === 0)).toBe(true)
  expect(new Set(all.map(numberOf)).size).toBe(20)
})
