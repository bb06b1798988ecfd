/**
 * Our RabbitMQ driver beside raw amqplib, rabbitmq-client and @cloudamqp/amqp-client: one broker, one topology (three quorum
 * queues and the event log behind one exchange), 512-byte payloads, persistent, mandatory, confirmed, acknowledged one by
 * one. The ways alternate within each round; figures are medians over rounds, CPU is this process's own.
 *
 *   ROUNDS=3 ONLY=publish,consume,end npx tsx --conditions=source bench/events/rabbitmq-driver.ts
 */
import { readFile } from 'node:fs/promises'
import amqp from 'amqplib'
import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'
import { freshVhost } from '../../test/support/rabbitmq.ts'
import { startRabbitServer } from '../../test/support/rabbitmq-server.ts'
import { consumeAll, consuming, endToEnd, subscriptions, type Waiting } from './rabbitmq/consuming.ts'
import { Figures, write } from './rabbitmq/figures.ts'
import { cloudAmqp, rabbitMqClient } from './rabbitmq/peers.ts'
import { publishAll, publishing } from './rabbitmq/publishing.ts'
import { queueOf, type Way } from './rabbitmq/way.ts'
import { panda, rawAmqplib } from './rabbitmq/ways.ts'

const rounds = Number(process.env['ROUNDS'] ?? 3)
const scenarios = new Set((process.env['ONLY'] ?? 'publish,consume,end').split(','))

async function measureRound(ways: readonly Way[], waiting: Waiting, figures: Figures): Promise<void> {
  const [first] = ways
  if (scenarios.has('publish') && first !== undefined) {
    await publishing(figures, ways)
    await consumeAll(first, waiting)
  }
  if (scenarios.has('consume')) await consuming(figures, ways, waiting)
  if (!scenarios.has('end')) return
  for (const rate of [100, 500, 1_000]) for (const way of ways) await endToEnd(figures, way, rate, 3)
}

async function versionOf(name: string): Promise<string> {
  return (JSON.parse(await readFile(`node_modules/${name}/package.json`, 'utf8')) as { version: string }).version
}

const server = await startRabbitServer()
const vhost = await freshVhost(server)
const looking = await amqp.connect(vhost.url)
const counter = await looking.createChannel()
const waiting: Waiting = async (subscription) => (await counter.checkQueue(queueOf(subscription))).messageCount
const figures = new Figures()
try {
  const admin = rabbitMqDriver({ url: vhost.url })
  for (const name of subscriptions) await admin.apply({ name, patterns: ['user.*'], order: 'none' })
  await admin.close()
  const ways = [
    panda(vhost.url),
    await rawAmqplib(vhost.url),
    await rabbitMqClient(vhost.url),
    await cloudAmqp(vhost.url),
  ]
  // One unmeasured pass: compiled code and open channels for everybody.
  for (const way of ways) await publishAll(way, 1_500, 100, 1)
  for (const way of ways) await consumeAll(way, waiting)
  for (let round = 0; round < rounds; round += 1)
    await measureRound(round % 2 === 0 ? ways : ways.toReversed(), waiting, figures)
  for (const way of ways) await way.close()
  const broker = (looking.connection.serverProperties as { version?: string }).version
  const clients = await Promise.all(['amqplib', 'rabbitmq-client', '@cloudamqp/amqp-client'].map(versionOf))
  await write(figures.rows(), {
    rabbitmq: broker,
    amqplib: clients[0],
    'rabbitmq-client': clients[1],
    '@cloudamqp/amqp-client': clients[2],
  })
  await looking.close()
  await vhost.remove()
} finally {
  await server.stop()
}
