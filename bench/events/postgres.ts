/**
 * Events on PostgreSQL beside the raw limit: the same rows (log and deliveries, with all indexes) by bare `pg` in the same
 * run. Payloads of 512 bytes, the embedded PostgreSQL with its default fsync (or `TEST_DATABASE_URL`), everything in one
 * process. Ways alternate within a round; figures are medians over rounds.
 *
 *   npx tsx --conditions=source bench/events/postgres.ts [short]
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { openPostgresEventDriver } from '../../packages/sdk/src/drivers/postgres/event-driver.ts'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import { freshDatabase } from '../../test/support/postgres.ts'
import { stopSharedServices } from '../../test/support/shared-services.ts'
import { openRaw } from './postgres/raw.ts'
import type { RawLimit } from './postgres/raw.ts'
import { makeEvent } from './rabbitmq/way.ts'

const isShort = process.argv.includes('short')
const ROUNDS = isShort ? 1 : 3
const PUBLISHERS = 8
const figures = new Map<string, number[]>()

function note(name: string, value: number): void {
  figures.set(name, [...(figures.get(name) ?? []), value])
  process.stderr.write(`${name}: ${value.toFixed(value < 100 ? 1 : 0)}\n`)
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return (count / (performance.now() - start)) * 1000
}

/** `one` is called `total` times, so many at a time. */
async function inFlight(total: number, atOnce: number, one: (lane: number) => Promise<void>): Promise<void> {
  let left = total
  const lane = async (n: number): Promise<void> => {
    while (left > 0) {
      left -= 1
      await one(n)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, (_, n) => lane(n)))
}

async function publishing(label: string, drivers: readonly EventDriver[], raw: RawLimit, total: number) {
  const [driver] = drivers
  if (driver === undefined) throw new Error('no driver')
  const ours = async (atOnce: number, count: number) =>
    perSecond(count, async () => inFlight(count, atOnce, async () => driver.publish([makeEvent()])))
  const bare = async (batch: number, count: number, connections: number) =>
    perSecond(count, async () =>
      inFlight(count / batch, connections, async () => raw.publish(Array.from({ length: batch }, makeEvent))),
    )
  note(`${label}: publish, 100 in flight, ours`, await ours(100, total))
  note(`${label}: publish, 100 in flight, raw`, await bare(100, total, 1))
  note(`${label}: publish, 1 in flight, ours`, await ours(1, 200))
  note(`${label}: publish, 1 in flight, raw`, await bare(1, 200, 1))
  const many = async (n: number): Promise<void> => drivers[n]?.publish([makeEvent()])
  note(`${label}: publish, ${PUBLISHERS} publishers, ours`, await perSecond(800, () => inFlight(800, PUBLISHERS, many)))
  note(`${label}: publish, ${PUBLISHERS} publishers, raw`, await bare(1, 800, PUBLISHERS))
}

async function consuming(label: string, driver: EventDriver, name: string): Promise<void> {
  const { waiting } = await driver.stats(name)
  let settled = 0
  const rate = await perSecond(waiting, async () => {
    await new Promise<void>((resolve, reject) => {
      const settle = async (work: Promise<boolean>): Promise<void> => {
        await work
        settled += 1
        if (settled === waiting) resolve()
      }
      driver
        .consume(name, { prefetch: 100 }, (delivery) => void settle(delivery.settle({ kind: 'done' })))
        .then((consumer) => (stop = () => consumer.close()), reject)
    })
  })
  await stop()
  note(`${label}: consume, prefetch 100`, rate)
}
let stop = async (): Promise<void> => undefined

/** From the call of `publish` to the call of the handler, at so many events a second. */
async function latency(label: string, driver: EventDriver, names: readonly string[], rate: number): Promise<void> {
  const sentAt = new Map<string, number>()
  const all: number[] = []
  const take = ({ event, settle }: { event: { id: string } | null; settle: () => Promise<boolean> }): void => {
    const at = sentAt.get(event?.id ?? '')
    if (at !== undefined) all.push(performance.now() - at)
    void settle()
  }
  const consumers = await Promise.all(
    names.map((name) =>
      driver.consume(name, { prefetch: 100 }, (each) =>
        take({ event: each.event, settle: async () => each.settle({ kind: 'done' }) }),
      ),
    ),
  )
  const total = rate * (isShort ? 2 : 5)
  const start = performance.now()
  const sent: Promise<void>[] = []
  while (sent.length < total) {
    for (const due = Math.min(total, ((performance.now() - start) * rate) / 1000); sent.length < due;) {
      const event = makeEvent()
      sentAt.set(event.id, performance.now())
      sent.push(driver.publish([event]))
    }
    await delay(1)
  }
  await Promise.all(sent)
  for (let waited = 0; all.length < total * names.length && waited < 400; waited += 1) await delay(25)
  await Promise.all(consumers.map((consumer) => consumer.close()))
  if (all.length !== total * names.length) throw new Error(`${label}: ${all.length} of ${total * names.length} came`)
  const sorted = all.sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  note(`${label}: publish to handler at ${rate}/s, p50 ms`, at(0.5))
  note(`${label}: publish to handler at ${rate}/s, p99 ms`, at(0.99))
}

async function round(subscriptions: number): Promise<void> {
  await using database = await freshDatabase()
  const { url } = database
  const drivers = Array.from({ length: PUBLISHERS }, () => openPostgresEventDriver({ url, connections: 2 }))
  const [driver] = drivers
  if (driver === undefined) throw new Error('no driver')
  const label = `${subscriptions} ${subscriptions === 1 ? 'subscription' : 'subscriptions'}`
  const names = Array.from({ length: subscriptions }, (_, n) => `s${n}`)
  for (const name of names) await driver.apply({ name, patterns: ['user.*'], order: 'none' })
  const raw = await openRaw(url, subscriptions, PUBLISHERS)
  const admin = new Client({ connectionString: url })
  await admin.connect()
  // Unmeasured: connections, prepared statements, compiled code.
  await inFlight(500, 50, async (n) => drivers[n % PUBLISHERS]?.publish([makeEvent()]))
  await inFlight(16, PUBLISHERS, async () => raw.publish([makeEvent()]))
  await publishing(label, drivers, raw, subscriptions === 10 ? 3000 : 6000)
  await consuming(label, driver, 's0')
  await admin.query('truncate panda_queue.jobs, panda_queue.event_log')
  for (const rate of [20, 100]) await latency(label, driver, names, rate)
  await raw.close()
  await admin.end()
  await Promise.all(drivers.map((each) => each.close()))
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function report() {
  const medians = Object.fromEntries([...figures].map(([name, values]) => [name, Math.round(median(values) * 10) / 10]))
  const ratios = Object.fromEntries(
    Object.entries(medians)
      .filter(([name]) => name.endsWith(', ours'))
      .map(([name, ours]) => {
        const bare = medians[name.replace(/, ours$/, ', raw')] ?? Number.NaN
        return [name.replace(/, ours$/, ''), Math.round((ours / bare) * 100) / 100]
      }),
  )
  return { ratios, medians, all: Object.fromEntries(figures) }
}

const loadAtStart = loadavg()
try {
  for (let n = 0; n < ROUNDS; n += 1) for (const subscriptions of [1, 3, 10]) await round(subscriptions)
  const machine = { cpus: cpus().length, cpu: cpus()[0]?.model, memory: totalmem(), kernel: release(), loadAtStart }
  const result = { at: new Date().toISOString(), node: process.version, rounds: ROUNDS, machine, ...report() }
  await mkdir(new URL('../results/', import.meta.url), { recursive: true })
  await writeFile(new URL('../results/events-postgres.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
} finally {
  await stopSharedServices()
}
