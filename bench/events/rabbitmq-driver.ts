/**
 * Our RabbitMQ driver beside raw amqplib: one broker, one topology (three quorum
 * queues and the event log behind one exchange), 512-byte payloads, persistent, mandatory, confirmed, acknowledged one by
 * one. The ways alternate within each round; figures are medians over rounds, CPU is this process's own.
 *
 *   ROUNDS=3 npx tsx --conditions=source bench/events/rabbitmq-driver.ts
 */
import { mkdir, writeFile } from 'node:fs/promises'
import amqp from 'amqplib'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'
import { freshVhost } from '../../test/support/rabbitmq.ts'
import { startRabbitServer } from '../../test/support/rabbitmq-server.ts'
import { panda, rawAmqplib } from './rabbitmq/ways.ts'
import { makeEvent, type Way } from './rabbitmq/way.ts'

const rounds = Number(process.env['ROUNDS'] ?? 3)
const scenarios = (process.env['ONLY'] ?? 'publish,consume,end').split(',')
const subscriptions = ['mail', 'stats', 'crm']

interface Figure {
  readonly perSecond: number
  readonly cpuMicros: number
  readonly p50?: number
  readonly p99?: number
}
const figures = new Map<string, Figure[]>()

function record(scenario: string, way: Way, figure: Figure): void {
  const key = `${scenario} | ${way.name}`
  figures.set(key, [...(figures.get(key) ?? []), figure])
}

async function measured(count: number, work: () => Promise<void>): Promise<Figure> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (count / ms) * 1_000, cpuMicros: (user + system) / count }
}

async function publishInFlight(way: Way, total: number, inFlight: number): Promise<void> {
  let left = total
  const one = async () => {
    while (left > 0) {
      left -= 1
      await way.publish([makeEvent()])
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
}

async function publishing(way: Way): Promise<void> {
  record('publish, 1 in flight', way, await measured(150, async () => publishInFlight(way, 150, 1)))
  for (const [total, inFlight] of [
    [3_000, 100],
    [6_000, 1_000],
  ] as const)
    record(
      `publish, ${inFlight} in flight`,
      way,
      await measured(total, async () => publishInFlight(way, total, inFlight)),
    )
  const batches = async () => {
    for (let n = 0; n < 3_000; n += 100) await way.publish(Array.from({ length: 100 }, makeEvent))
  }
  record('publish, batches of 100', way, await measured(3_000, batches))
}

/** What was published is in all three queues: each is taken empty with another prefetch. */
async function consuming(way: Way): Promise<void> {
  for (const [index, prefetch] of [10, 100, 1_000].entries()) {
    const subscription = subscriptions[index] ?? ''
    const before = await waiting(subscription)
    let count = 0
    let stop = async () => {}
    const figure = await measured(before, async () => {
      await new Promise<void>((resolve, reject) => {
        way
          .consume(subscription, prefetch, () => {
            count += 1
            if (count === before) resolve()
          })
          .then((stopIt) => (stop = stopIt))
          .catch(reject)
      })
    })
    await delay(50)
    await stop()
    record(`consume, prefetch ${prefetch}`, way, figure)
  }
}

async function waiting(subscription: string): Promise<number> {
  return (await counter.checkQueue(`panda.sub.${subscription}.g1`)).messageCount
}

async function endToEnd(way: Way, rate: number, seconds: number): Promise<void> {
  const latencies: number[] = []
  const sentAt = new Map<string, number>()
  const stops = await Promise.all(
    subscriptions.map(async (name) =>
      way.consume(name, 100, ({ id }) => {
        const at = sentAt.get(id)
        if (at !== undefined) latencies.push(performance.now() - at)
      }),
    ),
  )
  const total = rate * seconds
  const figure = await measured(total, async () => {
    const start = performance.now()
    const confirms: Promise<void>[] = []
    for (let sent = 0; sent < total;) {
      for (const due = Math.min(total, ((performance.now() - start) * rate) / 1_000); sent < due; sent += 1) {
        const event = makeEvent()
        sentAt.set(event.id, performance.now())
        confirms.push(way.publish([event]))
      }
      await delay(1)
    }
    await Promise.all(confirms)
    for (let waited = 0; latencies.length < total * 3 && waited < 400; waited += 1) await delay(25)
  })
  await delay(50)
  for (const stop of stops) await stop()
  const sorted = latencies.sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  if (sorted.length !== total * 3) process.stderr.write(`${way.name}: ${sorted.length} of ${total * 3} deliveries\n`)
  record(`end to end, ${rate}/s x 3`, way, { ...figure, p50: at(0.5), p99: at(0.99) })
}

const server = await startRabbitServer()
const vhost = await freshVhost(server)
const looking = await amqp.connect(vhost.url)
const counter = await looking.createChannel()
const loadAtStart = loadavg()[0] ?? 0
try {
  const admin = rabbitMqDriver({ url: vhost.url })
  for (const name of subscriptions) await admin.apply({ name, patterns: ['user.*'], order: 'none' })
  await admin.close()
  const ways = [panda(vhost.url), await rawAmqplib(vhost.url)]
  // One unmeasured pass: compiled code and open channels for everybody.
  for (const way of ways) await publishInFlight(way, 1_500, 100)
  for (const way of ways) await consumeAll(way)
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? ways : ways.toReversed()
    for (const way of order) {
      if (scenarios.includes('publish')) await publishing(way)
      if (scenarios.includes('consume')) await consuming(way)
      else await consumeAll(way)
      if (scenarios.includes('end')) for (const rate of [100, 500, 1_000]) await endToEnd(way, rate, 3)
    }
  }
  for (const way of ways) await way.close()
  await looking.close()
  await vhost.remove()
} finally {
  await server.stop()
}

async function consumeAll(way: Way): Promise<void> {
  const stops = await Promise.all(subscriptions.map(async (name) => way.consume(name, 500, () => undefined)))
  for (;;) {
    const left = await Promise.all(subscriptions.map(async (name) => waiting(name)))
    if (left.every((count) => count === 0)) break
    await delay(50)
  }
  // The last of them are on their way to the handler or back.
  await delay(300)
  for (const stop of stops) await stop()
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

const rows = [...figures].map(([key, all]) => {
  const [scenario = '', way = ''] = key.split(' | ')
  const middle = (read: (figure: Figure) => number | undefined) =>
    Number(median(all.map((each) => read(each) ?? Number.NaN)).toFixed(2))
  return {
    scenario,
    way,
    perSecond: Math.round(middle(({ perSecond }) => perSecond)),
    cpuMicros: middle(({ cpuMicros }) => cpuMicros),
    ...(all[0]?.p50 === undefined ? {} : { p50Ms: middle(({ p50 }) => p50), p99Ms: middle(({ p99 }) => p99) }),
    rounds: all.map(({ perSecond, cpuMicros }) => [Math.round(perSecond), Number(cpuMicros.toFixed(1))]),
  }
})
const ratios = rows
  .filter(({ way }) => way === 'panda')
  .map((ours) => {
    const raw = rows.find(({ scenario, way }) => scenario === ours.scenario && way === 'amqplib')
    return {
      scenario: ours.scenario,
      rateToRaw: Number((ours.perSecond / (raw?.perSecond ?? Number.NaN)).toFixed(2)),
      extraCpuMicros: Number((ours.cpuMicros - (raw?.cpuMicros ?? Number.NaN)).toFixed(1)),
    }
  })
console.table(rows.map(({ rounds: _all, ...row }) => row))
console.table(ratios)
const machine = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  loadAtStart,
}
await mkdir('bench/results', { recursive: true })
await writeFile(
  'bench/results/events-rabbitmq.json',
  `${JSON.stringify({ claim: '>= 80 % of raw amqplib; <= 15 us extra CPU per publish, <= 10 us per delivery', ratios, rows, rounds, machine, node: process.version }, null, 2)}\n`,
)
