/**
 * Events published inside a transaction, by the outbox: how long from the commit to the handler, while little and while much
 * is published, and how fast a backlog drains once the broker is back. One PostgreSQL, one RabbitMQ, publisher, relay and
 * consumer in this process. Beside it, in the same run, the same event published straight to the broker.
 *
 *   npx tsx --conditions=source bench/events/outbox.ts
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'pg'
import { Events } from '../../packages/sdk/src/events/index.ts'
import { type Outbox, startOutbox } from '../../packages/sdk/src/outbox/index.ts'
import { startEmbeddedPostgres } from '../../packages/server/src/store/embedded/embedded-postgres.ts'
import { freshVhost } from '../../test/support/rabbitmq.ts'
import { startRabbitServer } from '../../test/support/rabbitmq-server.ts'
import { tempDir } from '../../test/support/temp-dir.ts'

const RATES = [
  { perSecond: 10, events: 150 },
  { perSecond: 100, events: 1000 },
]
const BACKLOG = 10_000
const ROUNDS = Number(process.env['ROUNDS'] ?? 3)

type Shop = { 'order.placed': { readonly n: number } }
type Way = 'outbox' | 'straight to the broker'

interface Latency {
  readonly way: Way
  readonly perSecond: number
  readonly events: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

const loadAtStart = loadavg()[0] ?? 0
const home = await tempDir('bench-outbox')
const postgres = await startEmbeddedPostgres({ home: home.path, log: () => undefined })
const rabbit = await startRabbitServer()
const vhost = await freshVhost(rabbit)
const pool = new Pool({ connectionString: postgres.url, max: 10 })
const events = new Events<Shop>({ url: vhost.url, source: 'bench', handleSignals: false })
/** From what a latency counts, by the number of the event: the end of its commit, or the call of publish. */
const since = new Map<number, number>()
let serial = 0
let waiting: { left: number; readonly ms: number[]; readonly done: () => void } | null = null

function handled(n: number): void {
  const from = since.get(n)
  if (waiting === null || from === undefined) return
  waiting.ms.push(performance.now() - from)
  waiting.left -= 1
  if (waiting.left === 0) waiting.done()
}

async function publish(way: Way): Promise<void> {
  const n = (serial += 1)
  if (way === 'straight to the broker') {
    since.set(n, performance.now())
    await events.publish('order.placed', { n })
    return
  }
  const tx = await pool.connect()
  await tx.query('begin')
  await events.publish('order.placed', { n }, { tx })
  // Just before: the handler may run before the answer to the commit is read.
  since.set(n, performance.now())
  await tx.query('commit')
  tx.release()
}

async function latency(way: Way, perSecond: number, count: number): Promise<number[]> {
  const ms: number[] = []
  const all = new Promise<void>((resolve) => (waiting = { left: count, ms, done: resolve }))
  const published: Promise<void>[] = []
  const start = performance.now()
  for (let n = 0; n < count; n += 1) {
    const ahead = start + (n * 1000) / perSecond - performance.now()
    if (ahead > 0) await delay(ahead)
    published.push(publish(way))
  }
  await Promise.all(published)
  await all
  since.clear()
  return ms
}

function summary(way: Way, perSecond: number, values: readonly number[]): Latency {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 10) / 10
  return { way, perSecond, events: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) }
}

/** Written while nothing carries, in transactions of 100; then from the start of a relay to an empty outbox. */
async function backlog(): Promise<{ events: number; perSecond: number }> {
  for (let written = 0; written < BACKLOG; written += 100) {
    const tx = await pool.connect()
    await tx.query('begin')
    for (let n = 0; n < 100; n += 1) await events.publish('order.placed', { n: -1 }, { tx })
    await tx.query('commit')
    tx.release()
  }
  const start = performance.now()
  const relay = await startRelay()
  await relay.flush()
  const seconds = (performance.now() - start) / 1000
  await relay.close()
  return { events: BACKLOG, perSecond: Math.round(BACKLOG / seconds) }
}

const startRelay = async (): Promise<Outbox> => startOutbox({ databaseUrl: postgres.url, eventsUrl: vhost.url })

try {
  await events.subscribe('order.placed', { subscription: 'stock', concurrency: 100 }, ({ n }) => handled(n))
  const relay = await startRelay()
  const values = new Map<string, number[]>()
  await latency('outbox', 50, 100)
  await latency('straight to the broker', 50, 100)
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { perSecond, events: count } of RATES) {
      for (const way of ['outbox', 'straight to the broker'] as const) {
        const key = `${way} ${perSecond}`
        values.set(key, [...(values.get(key) ?? []), ...(await latency(way, perSecond, count))])
      }
    }
  }
  await relay.close()
  const latencies = RATES.flatMap(({ perSecond }) =>
    (['outbox', 'straight to the broker'] as const).map((way) =>
      summary(way, perSecond, values.get(`${way} ${perSecond}`) ?? []),
    ),
  )
  const drained = await backlog()
  console.table(latencies)
  console.log(drained)
  const { rows } = await pool.query<{ version: string }>("select current_setting('server_version') as version")
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    loadAtStart,
  }
  const result = {
    claim: 'from commit to handler by the outbox: median at most 20 ms',
    measuredAt: new Date().toISOString(),
    configuration: { rounds: ROUNDS, postgres: rows[0]?.version, subscriptions: 1 },
    machine,
    latencies,
    backlog: drained,
  }
  await mkdir('bench/results', { recursive: true })
  await writeFile('bench/results/events-outbox.json', `${JSON.stringify(result, null, 2)}\n`)
} finally {
  await events.close({ grace: 1000 })
  await pool.end()
  await vhost.remove()
  await rabbit.stop()
  await postgres.stop()
  await home.remove()
}
