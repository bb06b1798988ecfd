/**
 * The Redis driver of the queue beside the raw limit of a packed design and BullMQ 6.7, on one Redis with its append-only
 * file synced every second, in turns. The driver alone: no handler, no retry policy, no coalescing of adds above it.
 *
 *   npx tsx --conditions=source bench/queue/redis-driver.ts
 *
 * Goals: at least 60 % of the raw limit; adds 4 × (100 in flight) and 8 × (bulk) of BullMQ's; 10 × at concurrency 100; at
 * most 300 B for a waiting job; a million waiting no slower than a thousand (± 10 %). Writes
 * bench/results/queue-redis-driver.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { Redis } from 'ioredis'
import { openRedisQueueDriver } from '../../packages/sdk/src/drivers/redis/index.ts'
import { newJobs } from '../../test/support/new-job.ts'
import { startRedisServer } from '../../test/support/redis.ts'
import { BODY } from './common/payload.ts'
import { bullSubject } from './redis/bullmq.ts'
import { keepSucceeded, lease, ourSubject, QUEUE, REMOVE_AT_ONCE, workLane } from './redis/ours.ts'
import { bullPickup, ourPickup } from './redis/pickup.ts'
import { rawSubject } from './redis/raw.ts'
import type { Subject } from './redis/subject.ts'

const ROUNDS = 5

/** Name, then for each contender: how many jobs, how many a call, how many calls at the same time. */
type Shape = readonly [jobs: number, size: number, lanes: number]
const ADDS: Readonly<Record<string, { readonly packed: Shape; readonly bullmq: Shape }>> = {
  'add, 100 in flight': { packed: [80_000, 100, 1], bullmq: [10_000, 1, 100] },
  'add, bulk of 1000': { packed: [120_000, 1000, 1], bullmq: [10_000, 1000, 1] },
}
const WORKS: Readonly<Record<string, { readonly packed: Shape; readonly bullmq: Shape | null }>> = {
  'exchange 1 x 1 | concurrency 1': { packed: [6000, 1, 1], bullmq: [2000, 1, 1] },
  'exchange 10 x 1 | concurrency 10': { packed: [40_000, 10, 1], bullmq: [5000, 10, 1] },
  'exchange 100 x 2 | concurrency 100': { packed: [120_000, 100, 2], bullmq: [8000, 100, 1] },
  'exchange 500 x 2': { packed: [150_000, 500, 2], bullmq: null },
}

type Cells = Record<string, Record<string, number[]>>

async function main(): Promise<void> {
  await using server = await startRedisServer({ config: { 'auto-aof-rewrite-percentage': '0' } })
  const admin = new Redis(server.url)
  const packed = [await rawSubject(server.url), ourSubject(server.url)]
  const bullmq = bullSubject(server.url)
  const cells: Cells = {}
  const empty = async () => void (await admin.flushall())
  for (let round = 0; round < ROUNDS; round++) {
    await oneRound([...packed, bullmq], cells, empty)
    await withHistory(server.url, cells, empty)
  }
  await atLevels(server.url, cells, empty)
  const latencies = { ours: await ourPickup(server.url), bullmq: await bullPickup(server.url) }
  await empty()
  const bytes = await memory(server.url, admin)
  report(cells, latencies, bytes)
  for (const subject of [...packed, bullmq]) await subject.close()
  admin.disconnect()
}

/** Cell by cell, all contenders right after each other: what else the machine does then hits them alike. */
async function oneRound(subjects: readonly Subject[], cells: Cells, empty: () => Promise<void>): Promise<void> {
  for (const [name, shapes] of Object.entries(ADDS)) {
    for (const subject of subjects) {
      const [count, size, lanes] = subject.name === 'bullmq' ? shapes.bullmq : shapes.packed
      await empty()
      await timed(cells, name, subject.name, count, async () => subject.add(count, size, lanes))
    }
  }
  for (const [name, shapes] of Object.entries(WORKS)) {
    for (const subject of subjects) {
      const shape = subject.name === 'bullmq' ? shapes.bullmq : shapes.packed
      if (shape !== null) await workCell(subject, name, shape, cells, empty)
    }
  }
  await empty()
}

async function workCell(
  subject: Subject,
  name: string,
  [count, atOnce, lanes]: Shape,
  cells: Cells,
  empty: () => Promise<void>,
): Promise<void> {
  await empty()
  await subject.add(count, 1000, 1)
  await timed(cells, name, subject.name, count, async () => {
    const seen = await subject.work(atOnce, lanes, count)
    if (seen !== count) throw new Error(`${subject.name}, ${name}: ${seen} of ${count} jobs came`)
  })
}

/** The same with the last 10,000 successes kept. */
async function withHistory(url: string, cells: Cells, empty: () => Promise<void>): Promise<void> {
  const driver = openRedisQueueDriver({ url })
  await lease(driver)
  for (let added = 0; added < 60_000; added += 1000) await driver.add(QUEUE, newJobs(1000, { body: BODY }))
  const seen = new Set<string>()
  const lane = { atOnce: 100, keep: keepSucceeded(10_000) }
  await timed(cells, 'exchange 100 x 2', 'ours, 10,000 kept', 60_000, async () => {
    await Promise.all([workLane(driver, lane, seen), workLane(driver, lane, seen)])
  })
  await driver.close()
  await empty()
}

/** In turns a batch done and a batch added, so that the backlog stays what it is. */
async function atLevels(url: string, cells: Cells, empty: () => Promise<void>): Promise<void> {
  const driver = openRedisQueueDriver({ url })
  const steady = async (label: string) => {
    await lease(driver)
    for (let round = 0; round < ROUNDS; round++) {
      const seen = new Set<string>()
      const lane = { atOnce: 100, keep: REMOVE_AT_ONCE, until: 60_000 }
      const refill = async () => {
        for (let added = 0; added < 60_000; added += 100) await driver.add(QUEUE, newJobs(100, { body: BODY }))
      }
      await timed(cells, 'add 100 and exchange 100 at the same time', label, 60_000, async () => {
        await Promise.all([workLane(driver, lane, seen), refill()])
      })
    }
  }
  for (const level of [1000, 1_000_000]) {
    await empty()
    for (let added = 0; added < level; added += 1000) await driver.add(QUEUE, newJobs(1000, { body: BODY }))
    await steady(`ours, ${level.toLocaleString('en')} waiting`)
  }
  await empty()
  await driver.close()
}

async function memory(url: string, admin: Redis): Promise<number> {
  const driver = openRedisQueueDriver({ url })
  const used = async () => Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1])
  await driver.add(QUEUE, newJobs(1, { body: BODY }))
  const before = await used()
  const body = JSON.stringify({ text: 'x'.repeat(89) })
  for (let added = 0; added < 100_000; added += 1000) await driver.add(QUEUE, newJobs(1000, { body }))
  const bytes = ((await used()) - before) / 100_000
  await driver.close()
  return Math.round(bytes)
}

async function timed(cells: Cells, cell: string, who: string, count: number, work: () => Promise<void>): Promise<void> {
  const startedAt = performance.now()
  await work()
  const rates = ((cells[cell] ??= {})[who] ??= [])
  rates.push(count / ((performance.now() - startedAt) / 1000))
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The median of the ratios of each round. */
function ratio(ours: readonly number[], theirs: readonly number[]): number {
  return quantile(
    ours.map((rate, round) => rate / (theirs[round] ?? Number.NaN)),
    0.5,
  )
}

function report(cells: Cells, latencies: Record<string, number[]>, bytesPerJob: number): void {
  const perSecond = Object.fromEntries(
    Object.entries(cells).map(([cell, rates]) => {
      const medians = Object.fromEntries(
        Object.entries(rates).map(([who, all]) => [who, Math.round(quantile(all, 0.5))]),
      )
      const { ours, raw, bullmq } = rates
      const ratios = {
        ...(ours && raw && { shareOfRaw: Number(ratio(ours, raw).toFixed(2)) }),
        ...(ours && bullmq && { timesBullmq: Number(ratio(ours, bullmq).toFixed(1)) }),
      }
      return [cell, { ...medians, ...ratios }]
    }),
  )
  const pickupMs = Object.fromEntries(
    Object.entries(latencies).map(([who, all]) => [
      who,
      { p50: Number(quantile(all, 0.5).toFixed(2)), p99: Number(quantile(all, 0.99).toFixed(2)) },
    ]),
  )
  const machine = { cpus: os.cpus().length, model: os.cpus()[0]?.model, node: process.version, loadavg: os.loadavg() }
  const result = {
    at: new Date().toISOString(),
    machine,
    redis: '7.0.15, appendfsync everysec, no rewrite of the file in between',
    rounds: ROUNDS,
    perSecond,
    pickupMs,
    bytesPerJob,
  }
  mkdirSync(new URL('../results/', import.meta.url), { recursive: true })
  writeFileSync(new URL('../results/queue-redis-driver.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`)
  console.log(JSON.stringify(result, null, 2))
}

await main()
