import amqp from 'amqplib'
import { expect, test } from 'vitest'
import { collect, event, events, eventWorld, numberOf, spec } from '../support/event-world.ts'

/** What only RabbitMQ can answer; the rest is in the contract suite. */

test('a changed order moves what waits into a new queue, without a 406, and removes the old one', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a'))
  await driver.publish(events('a', 10))
  const [change] = await driver.plan(spec('a', ['a'], 'strict'))
  expect(change?.what).toContain('panda.sub.a.g1 → panda.sub.a.g2')
  expect(change?.what).toContain('x-single-active-consumer unset → true')
  await driver.apply(spec('a', ['a'], 'strict'))
  expect((await world.vhost.queues()).map(({ name }) => name)).not.toContain('panda.sub.a.g1')
  expect((await driver.stats('a')).waiting).toBe(10)
})

test('a foreign queue of the same name with other arguments is stepped over', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('other'))
  const connection = await amqp.connect(world.vhost.url)
  const channel = await connection.createChannel()
  await channel.assertQueue('panda.sub.a.g1', { durable: true })
  await connection.close()
  await driver.apply(spec('a'))
  await driver.publish(events('a', 3))
  const got = await collect(driver, 'a')
  expect((await got.atLeast(3)).map(numberOf).sort((a, b) => a - b)).toEqual([0, 1, 2])
  expect(await driver.plan(spec('a'))).toEqual([])
})

test('a queue that somebody deleted is in the plan, and back after it', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a'))
  await world.vhost.deleteQueue('panda.dead.a.v1')
  expect(await driver.plan(spec('a'))).toEqual([{ action: 'create', what: 'panda.dead.a.v1, which was deleted' }])
  await driver.apply(spec('a'))
  expect((await world.vhost.queues()).map(({ name }) => name)).toContain('panda.dead.a.v1')
})

test('an ended subscription leaves no queue behind', async () => {
  await using world = await eventWorld()
  const driver = world.driver()
  await driver.apply(spec('a'))
  await driver.apply(spec('a', ['a'], 'strict'))
  await driver.publish(events('a', 3))
  expect(await driver.unsubscribe('a')).toBe(true)
  expect((await world.vhost.queues()).map(({ name }) => name).filter((name) => name.includes('.a.'))).toEqual([])
})

test('the age of what waits is told by its publisher, and looking at it makes no suspect of it', async () => {
  await using world = await eventWorld()
  const [driver, other] = [world.driver(), world.driver()]
  await driver.apply(spec('a'))
  const got = await collect(other, 'a', () => null, 1)
  await driver.publish([event('a', { n: 0 })])
  await got.atLeast(1)
  const old = event('a', { n: 1 }, { time: new Date(Date.now() - 60_000).toISOString() })
  await driver.publish([old, event('a', { n: 2 })])
  for (let looks = 0; looks < 3; looks += 1) {
    const { oldestMs, waiting } = await driver.stats('a')
    expect(waiting).toBe(2)
    expect(oldestMs).toBeGreaterThanOrEqual(60_000)
  }
  await got.deliveries[0]?.settle({ kind: 'done' })
  await got.atLeast(2)
  // A suspect would have gone behind the other one.
  expect(got.deliveries.map(numberOf)).toEqual([0, 1])
})
