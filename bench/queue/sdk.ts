/**
 * The whole queue as applications use it (`Queue`: retries, leases and fences on, as by default), beside BullMQ on one Redis
 * (append-only file synced every second) and Graphile Worker on one PostgreSQL (embedded, default fsync). Handlers that do
 * nothing, jobs of about 100 bytes, finished jobs removed, adder and worker in one process. Ours and BullMQ are timed from
 * the opening to the close, in runs of about a second; Graphile Worker from its first to its last job. Each of our jobs and
 * BullMQ's is checked to come exactly once.
 *
 *   npm run build && npx tsx --conditions=source bench/queue/sdk.ts [redis] [postgres]
 *
 * Runs the compiled SDK: tsx changes every closure. Writes bench/results/queue-sdk.json.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { Redis } from 'ioredis'
import type { Queue as QueueClass } from '../../packages/sdk/src/queue/index.ts'
import { freshDatabase } from '../../test/support/postgres.ts'
import { startRedisServer } from '../../test/support/redis.ts'
import { stopSharedServices } from '../../test/support/shared-services.ts'
import { addMany, addOneByOne, BATCHED, DEFAULTS, drain, openGraphile } from './postgres/graphile.ts'
import { bullSubject } from './redis/bullmq.ts'
import { BODY } from './redis/subject.ts'

const { Queue } = (await import(new URL('../../packages/sdk/dist/index.js', import.meta.url).href)) as {
  Queue: typeof QueueClass
}

const ROUNDS = 3
const NOTHING = { count: 0 }
const KEEP = { succeeded: NOTHING, cancelled: NOTHING, dead: NOTHING }
const DATA = JSON.parse(BODY) as Record<string, unknown>
const FILE = new URL('../results/queue-sdk.json', import.meta.url)

type Cells = Record<string, Record<string, number[]>>

function note(cells: Cells, cell: string, who: string, rate: number): void {
  ;((cells[cell] ??= {})[who] ??= []).push(Math.round(rate))
  process.stderr.write(`${cell} | ${who}: ${Math.round(rate)}\n`)
}

/** @returns jobs per second */
async function rate(count: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return count / ((performance.now() - startedAt) / 1000)
}

/** @returns jobs per second, connected before */
async function fill(url: string, count: number): Promise<number> {
  const queue = new Queue('bench', { url })
  await queue.stats()
  const perSecond = await rate(count, async () => {
    for (let added = 0; added < count; added += 1000)
      await queue.addBulk(Array.from({ length: 1000 }, () => ({ data: DATA })))
  })
  await queue.close()
  return perSecond
}

/** From the opening of the queue until it has closed with all acknowledged, as it is timed for BullMQ. */
async function ours(url: string, count: number, concurrency: number, prefetch?: number): Promise<number> {
  await fill(url, count)
  const startedAt = performance.now()
  const queue = new Queue('bench', { url })
  const seen = new Set<string>()
  let calls = 0
  let finish = (): void => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  queue.process(
    (job) => {
      calls += 1
      seen.add(job.id)
      if (seen.size === count) finish()
      return Promise.resolve()
    },
    { concurrency, keep: KEEP, handleSignals: false, ...(prefetch !== undefined && { prefetch }) },
  )
  await finished
  await queue.close()
  const perSecond = count / ((performance.now() - startedAt) / 1000)
  await exactly(url, count, calls)
  return perSecond
}

/** Each job was given once, and nothing is left. */
async function exactly(url: string, count: number, calls: number): Promise<void> {
  const queue = new Queue('bench', { url })
  const { queued, running, retrying, dead } = await queue.counts()
  await queue.close()
  const left = queued + running + retrying + dead
  if (calls !== count || left > 0) throw new Error(`${calls} calls for ${count} jobs, ${left} left`)
}

async function ourAdds(url: string, count: number): Promise<number> {
  const queue = new Queue('bench', { url })
  let left = count
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await queue.add(DATA)
    }
  }
  await queue.add(DATA)
  const perSecond = await rate(count, async () => void (await Promise.all(Array.from({ length: 100 }, lane))))
  await queue.close()
  return perSecond
}

function same(expected: number, got: number): void {
  if (got !== expected) throw new Error(`BullMQ gave ${got} of ${expected} jobs`)
}

async function redis(cells: Cells): Promise<void> {
  await using server = await startRedisServer({ config: { 'auto-aof-rewrite-percentage': '0' } })
  const admin = new Redis(server.url)
  const bull = bullSubject(server.url)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [concurrency, many, few] of [
      [1, 60_000, 6000],
      [10, 80_000, 12_000],
      [100, 120_000, 24_000],
    ] as const) {
      const cell = `redis: process, concurrency ${concurrency}`
      await admin.flushall()
      note(cells, cell, 'ours', await ours(server.url, many, concurrency))
      if (concurrency < 100) {
        await admin.flushall()
        note(cells, cell, 'ours, prefetch 0', await ours(server.url, few, concurrency, 0))
      }
      await admin.flushall()
      await bull.add(few, 1000, 1)
      note(cells, cell, 'bullmq', await rate(few, async () => same(few, await bull.work(concurrency, 1, few))))
    }
    await admin.flushall()
    note(cells, 'redis: add, 100 in flight', 'ours', await ourAdds(server.url, 60_000))
    await admin.flushall()
    note(cells, 'redis: add, 100 in flight', 'bullmq', await rate(12_000, () => bull.add(12_000, 1, 100)))
    await admin.flushall()
    note(cells, 'redis: add, bulk of 1000', 'ours', await fill(server.url, 60_000))
    await admin.flushall()
    note(cells, 'redis: add, bulk of 1000', 'bullmq', await rate(12_000, () => bull.add(12_000, 1000, 1)))
  }
  await bull.close()
  admin.disconnect()
}

async function postgres(cells: Cells): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const database = await freshDatabase()
    const { url } = database
    const graphile = await openGraphile(url)
    for (const [concurrency, many, few] of [
      [1, 30_000, 2000],
      [10, 30_000, 4000],
      [100, 40_000, 4000],
    ] as const) {
      const cell = `postgres: process, concurrency ${concurrency}`
      note(cells, cell, 'ours', await ours(url, many, concurrency))
      if (concurrency < 100) note(cells, cell, 'ours, prefetch 0', await ours(url, few, concurrency, 0))
      await addMany(graphile.utils, 1000, 20_000)
      note(cells, cell, 'graphile, batched', await drain(url, BATCHED, concurrency, 20_000))
      if (concurrency < 100) {
        await addMany(graphile.utils, 1000, 2000)
        note(cells, cell, 'graphile, defaults', await drain(url, DEFAULTS, concurrency, 2000))
      }
    }
    note(cells, 'postgres: add, 100 in flight', 'ours', await ourAdds(url, 30_000))
    note(cells, 'postgres: add, 100 in flight', 'graphile', await addOneByOne(graphile.utils, 100, 2000))
    note(cells, 'postgres: add, bulk of 1000', 'ours', await fill(url, 30_000))
    note(cells, 'postgres: add, bulk of 1000', 'graphile', await addMany(graphile.utils, 1000, 20_000))
    await graphile.close()
    await database.drop()
  }
  await stopSharedServices()
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** Medians, and for each rival the median of the ratios of each round. */
function summary(cells: Cells): Record<string, Record<string, number>> {
  return Object.fromEntries(
    Object.entries(cells).map(([cell, rates]) => {
      const medians = Object.entries(rates).map(([who, all]) => [who, median(all)] as const)
      const ratios = Object.entries(rates)
        .filter(([who]) => !who.startsWith('ours'))
        .flatMap(([rival, theirs]) =>
          Object.entries(rates)
            .filter(([who]) => who.startsWith('ours'))
            .map(([who, own]): [string, number] => [
              `${who} / ${rival}`,
              Number(median(own.map((value, round) => value / (theirs[round] ?? NaN))).toFixed(2)),
            ]),
        )
      return [cell, Object.fromEntries([...medians, ...ratios]) as Record<string, number>]
    }),
  )
}

function earlier(): Record<string, unknown> {
  try {
    return (JSON.parse(readFileSync(FILE, 'utf8')) as { perSecond: Record<string, unknown> }).perSecond
  } catch {
    return {} // the first run
  }
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2)
  const cells: Cells = {}
  if (wanted.length === 0 || wanted.includes('redis')) await redis(cells)
  if (wanted.length === 0 || wanted.includes('postgres')) await postgres(cells)
  const result = {
    at: new Date().toISOString(),
    machine: { cpus: os.cpus().length, model: os.cpus()[0]?.model, node: process.version, loadavg: os.loadavg() },
    stores: 'Redis 7.0.15, appendfsync everysec; PostgreSQL 18 embedded, default fsync',
    rivals: 'BullMQ 6.7 (removeOnComplete), Graphile Worker 0.17 (batched: localQueue 500, completeJobBatchDelay 0)',
    rounds: ROUNDS,
    perSecond: { ...earlier(), ...summary(cells) },
  }
  mkdirSync(new URL('./', FILE), { recursive: true })
  writeFileSync(FILE, `${JSON.stringify(result, null, 2)}\n`)
  console.log(JSON.stringify(result, null, 2))
}

await main()
