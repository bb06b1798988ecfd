import { expect, test } from 'vitest'
import { collect, event, events, eventWorld, numberOf, spec } from '../support/event-world.ts'
import { waitFor } from '../support/wait-for.ts'

test('every subscription gets each matching event once, copies of one share them', async () => {
  await using world = await eventWorld()
  const [a, b] = [world.driver(), world.driver()]
  await a.apply(spec('mail', ['user.*']))
  await a.apply(spec('stats', ['#']))
  const mail1 = await collect(a, 'mail')
  const mail2 = await collect(b, 'mail')
  const stats = await collect(b, 'stats')
  await a.publish(events('user.signed_up', 200))
  await a.publish([event('order.placed')])
  await stats.atLeast(201)
  await waitFor('200 mails', () => mail1.deliveries.length + mail2.deliveries.length === 200)
  const numbers = [...mail1.deliveries, ...mail2.deliveries].map(numberOf).sort((x, y) => x - y)
  expect(numbers).toEqual(Array.from({ length: 200 }, (_, n) => n))
  expect(stats.deliveries.every(({ attempt, crashes }) => attempt === 1 && crashes === 0)).toBe(true)
})

test('an envelope comes as it was published', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a'))
  const full = event('a', { text: 'ä€𝄞' }, { key: 'k1', dataVersion: 3, traceparent: '00-a-b-01', tracestate: 'x=y' })
  const got = await collect(driver, 'a')
  await driver.publish([full])
  const [delivery] = await got.atLeast(1)
  expect(delivery?.event).toEqual(full)
})

test('applying twice changes nothing; plan says what would', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  expect((await driver.plan(spec('a', ['a.*']))).map(({ action }) => action)).toEqual(['create', 'bind'])
  await driver.apply(spec('a', ['a.*']))
  expect(await driver.plan(spec('a', ['a.*']))).toEqual([])
  expect(await driver.apply(spec('a', ['a.*']))).toEqual([])
  const plan = await driver.plan(spec('a', ['b.*']))
  expect(plan.map(({ action }) => action)).toEqual(['bind', 'unbind'])
  await driver.apply(spec('a', ['b.*']))
  const got = await collect(driver, 'a')
  await driver.publish([event('a.x'), event('b.x')])
  const [only] = await got.atLeast(1)
  expect(only?.event?.type).toBe('b.x')
  expect(await driver.subscriptions()).toEqual(['a'])
})

test('several processes apply at once', async () => {
  await using world = await eventWorld()
  const drivers = [world.driver(), world.driver(), world.driver()]
  await Promise.all(drivers.flatMap((driver, n) => [driver.apply(spec('shared')), driver.apply(spec(`own${n}`))]))
  expect(await drivers[0]?.subscriptions()).toEqual(['own0', 'own1', 'own2', 'shared'])
})

test('a changed order migrates what waits, in order, into a new queue without a 406', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a'))
  await driver.publish(events('a', 1_200))
  const plan = await driver.plan(spec('a', ['a'], 'strict'))
  expect(plan.map(({ action }) => action)).toEqual(['migrate'])
  expect(plan[0]?.what).toContain('x-single-active-consumer')
  await driver.apply(spec('a', ['a'], 'strict'))
  await driver.publish([event('a', { n: 1_200 })])
  expect(await driver.plan(spec('a', ['a'], 'strict'))).toEqual([])
  const got = await collect(driver, 'a', undefined, 500)
  const all = (await got.atLeast(1_201)).map(numberOf)
  expect(all).toEqual(Array.from({ length: 1_201 }, (_, n) => n))
  expect((await world.vhost.queues()).map(({ name }) => name)).not.toContain('panda.sub.a.g1')
})

test('a migration under load, with consumers in two processes, loses nothing', async () => {
  await using world = await eventWorld()
  const [a, b] = [world.driver(), world.driver()]
  await a.apply(spec('a', ['a'], 'strict'))
  const seen = new Set<number>()
  const consume = async (driver: typeof a) =>
    collect(driver, 'a', (delivery) => {
      seen.add(numberOf(delivery))
      return { kind: 'done' }
    })
  await Promise.all([consume(a), consume(b)])
  const publishing = (async () => {
    for (let n = 0; n < 1_000; n += 10) await b.publish(Array.from({ length: 10 }, (_, k) => event('a', { n: n + k })))
  })()
  await a.apply(spec('a', ['a'], 'none'))
  await publishing
  await waitFor('all 1,000', () => seen.size === 1_000, 30_000)
})

test('what nobody is subscribed to is kept, counted and delivered to its first subscription', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.publish(events('early.a', 30))
  await driver.publish(events('early.b', 5))
  const before = await driver.unrouted()
  expect(before).toMatchObject({ count: 35, types: { 'early.a': 30, 'early.b': 5 } })
  expect(before.oldestMs).toBeGreaterThanOrEqual(0)
  await driver.apply(spec('late', ['early.a']))
  const got = await collect(driver, 'late')
  expect((await got.atLeast(30)).map(numberOf)).toEqual(Array.from({ length: 30 }, (_, n) => n))
  await waitFor('the rest to be back', async () => (await driver.unrouted()).count === 5)
  expect((await driver.unrouted()).types).toEqual({ 'early.b': 5 })
})

test('unsubscribe removes everything of it', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a'))
  await driver.publish(events('a', 3))
  expect(await driver.unsubscribe('a')).toBe(true)
  expect(await driver.unsubscribe('a')).toBe(false)
  expect(await driver.subscriptions()).toEqual([])
  expect((await world.vhost.queues()).map(({ name }) => name).filter((name) => name.includes('.a.'))).toEqual([])
  await expect(driver.stats('a')).rejects.toMatchObject({ code: 'no_subscription' })
})

test('stats count what waits, and say how old it is', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a'))
  const old = event('a', { n: 0 }, { time: new Date(Date.now() - 60_000).toISOString() })
  await driver.publish([old, ...events('a', 4)])
  await waitFor('5 waiting', async () => (await driver.stats('a')).waiting === 5)
  const stats = await driver.stats('a')
  expect(stats).toMatchObject({ name: 'a', patterns: ['a'], order: 'none', paused: false, dead: 0, consumers: 0 })
  expect(stats.oldestMs).toBeGreaterThan(0)
  const got = await collect(driver, 'a')
  await got.atLeast(5)
  await waitFor('none waiting', async () => (await driver.stats('a')).waiting === 0)
  expect((await driver.stats('a')).oldestMs).toBeNull()
})
