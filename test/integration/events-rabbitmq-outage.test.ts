import { afterAll, beforeAll, expect, test } from 'vitest'
import { event, events, type EventWorld, eventWorld, numberOf, spec } from '../support/event-world.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { freshVhost } from '../support/rabbitmq.ts'
import { type RabbitServer, startRabbitServer } from '../support/rabbitmq-server.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'

expectNoChildProcesses()

let server: RabbitServer
/** Its queues exist for a while when the broker is killed: RabbitMQ may not bring up what is younger than some seconds. */
let old: EventWorld
beforeAll(async () => {
  server = await startRabbitServer()
  old = await eventWorld(server)
  await old.driver().apply(spec('a'))
})
afterAll(async () => {
  await old[Symbol.asyncDispose]()
  await server.stop()
})

test('a publish during an outage waits its time and no longer, then says so', async () => {
  await using vhost = await freshVhost(server)
  await using proxy = await tcpProxy(server.port)
  const driver = rabbitMqDriver({
    url: vhost.url.replace(String(server.port), String(proxy.port)),
    waitMs: 700,
  })
  const patient = rabbitMqDriver({ url: vhost.url.replace(String(server.port), String(proxy.port)), maxBuffered: 10 })
  await patient.publish([event('a')])
  await driver.publish([event('a')])
  proxy.cut()
  await expect(driver.publish([event('a')])).rejects.toMatchObject({
    code: 'store_away',
    message: expect.stringContaining(`127.0.0.1:${proxy.port}, vhost "${vhost.name}"`),
  })
  const waiting = Promise.allSettled(events('a', 10).map(async (each) => patient.publish([each])))
  await expect(patient.publish([event('a')])).rejects.toThrow('which is the limit')
  proxy.mend()
  expect((await waiting).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 'fulfilled'))
  await driver.close()
  await patient.close()
})

test('a stalled network is noticed by its silence', async () => {
  await using vhost = await freshVhost(server)
  await using proxy = await tcpProxy(server.port)
  const url = vhost.url.replace(String(server.port), String(proxy.port))
  const driver = rabbitMqDriver({ url, heartbeatSeconds: 1 })
  await driver.apply(spec('a'))
  const health: boolean[] = []
  const seen = new Set<number>()
  await driver.consume('a', { prefetch: 10, onHealth: (ok) => health.push(ok) }, (delivery) => {
    seen.add(numberOf(delivery))
    delivery.settle({ kind: 'done' }).catch(() => undefined)
  })
  proxy.stall()
  const published = driver.publish(events('a', 20))
  await waitFor('the connection to be given up', () => health.includes(false), 30_000)
  proxy.mend()
  await published
  await waitFor('all 20', () => seen.size === 20, 30_000)
  expect(health).toEqual([false, true])
  await driver.close()
})

test('closed connections, deleted queues: declared and consumed again', async () => {
  await using world = await eventWorld(server)
  const driver = world.driver()
  await driver.apply(spec('a'))
  const health: boolean[] = []
  const seen = new Set<number>()
  await driver.consume('a', { prefetch: 10, onHealth: (ok) => health.push(ok) }, (delivery) => {
    seen.add(numberOf(delivery))
    delivery.settle({ kind: 'done' }).catch(() => undefined)
  })
  await world.vhost.closeConnections()
  await waitFor('health to come back', () => health.length >= 2)
  await driver.publish([event('a', { n: 1 })])
  await waitFor('event 1', () => seen.has(1))
  await world.vhost.deleteQueue('panda.sub.a.g1')
  await waitFor('health to come back again', () => health.length >= 4 && health.at(-1) === true)
  await driver.publish([event('a', { n: 2 })])
  await waitFor('event 2', () => seen.has(2))
  expect(health.slice(0, 4)).toEqual([false, true, false, true])
})

test('a broker that is killed under load: publishes wait for it, consumers come back, nothing is lost', async () => {
  const driver = old.driver({ waitMs: 120_000 })
  const seen = new Set<number>()
  const health: boolean[] = []
  const consumer = await driver.consume('a', { prefetch: 50, onHealth: (ok) => health.push(ok) }, (delivery) => {
    const retry = delivery.attempt === 1 && numberOf(delivery) % 5 === 0
    if (!retry) seen.add(numberOf(delivery))
    // A late settlement is refused, a failed one is delivered again: both are the broker's affair.
    delivery.settle(retry ? { kind: 'retry', delayMs: 500, error: '{}' } : { kind: 'done' }).catch(() => undefined)
  })
  const publishing = (async () => {
    for (let n = 0; n < 2_000; n += 20)
      await driver.publish(Array.from({ length: 20 }, (_, k) => event('a', { n: n + k })))
  })()
  await waitFor('some deliveries', () => seen.size > 100)
  await server.kill()
  await server.restart()
  await publishing
  await waitFor('all 2,000', () => seen.size === 2_000, 60_000)
  expect([health[0], health.at(-1)]).toEqual([false, true])
  await consumer.close()
}, 300_000)
