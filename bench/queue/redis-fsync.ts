/**
 * What `appendfsync` of Redis costs and what it saves: rates of this project's queue, and what is lost when redis-server
 * gets SIGKILL while jobs are being added, 100 in flight. The same once more with a disk whose syncs take 0.6 s (strace
 * delays the system call): while a sync of `everysec` is under way, Redis puts off
 * even its writes to the kernel, for up to 2 s, and answers nevertheless.
 *
 *   npm run build && npx tsx --conditions=source bench/queue/redis-fsync.ts
 *
 * A loss of power is not tried here: it loses what was not yet synced, under `everysec` up to 2 s by Redis' own
 * documentation. Writes bench/results/queue-redis-fsync.json.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Queue as QueueClass } from '../../packages/sdk/src/queue/index.ts'
import { requireProgram } from '../../test/support/programs.ts'
import { type RedisServer, startRedisServer } from '../../test/support/redis.ts'

const { Queue } = (await import(new URL('../../packages/sdk/dist/index.js', import.meta.url).href)) as {
  Queue: typeof QueueClass
}

const KILLS = 15
const ROUNDS = 3
const LANES = 100
const JOBS = 100_000
const SLOW_FSYNC_MS = 600
const FILE = new URL('../results/queue-redis-fsync.json', import.meta.url)
const SETTINGS = ['always', 'everysec'] as const

const start = (appendfsync: string): Promise<RedisServer> => startRedisServer({ config: { appendfsync } })

/** Adds with 100 in flight until it is stopped, one job after the other per lane. */
async function addAll(queue: QueueClass<{ n: number }>, count: number, acknowledged: Set<string>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const job = await queue.add({ n: next++ })
      acknowledged.add(job.id)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

interface Kill {
  readonly acknowledged: number
  readonly lost: number
}

async function kill(server: RedisServer, afterMs: number): Promise<Kill> {
  const queue = new Queue<{ n: number }>('fsync', { url: server.url, patience: '2s' })
  const acknowledged = new Set<string>()
  const adding = addAll(queue, Number.POSITIVE_INFINITY, acknowledged).catch((error: unknown) => error)
  await delay(afterMs)
  // Before the store is back, so that none of its answers are of the second life.
  await server.kill()
  await adding
  await queue.close()
  await server.start()
  const again = new Queue<{ n: number }>('fsync', { url: server.url })
  const kept = new Set<string>()
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof again.list>> = await again.list({
      state: 'queued',
      limit: 1000,
      ...(cursor !== null && { cursor }),
    })
    for (const { id } of page.jobs) kept.add(id)
    cursor = page.cursor
  } while (cursor !== null)
  await again.close()
  return {
    acknowledged: acknowledged.size,
    lost: [...acknowledged].filter((id) => !kept.has(id)).length,
  }
}

async function kills(appendfsync: string): Promise<Kill> {
  const all: Kill[] = []
  for (let i = 0; i < KILLS; i++) {
    await using server = await start(appendfsync)
    all.push(await kill(server, 300 + Math.random() * 1500))
  }
  const sum = (of: (one: Kill) => number): number => all.reduce((total, one) => total + of(one), 0)
  return {
    acknowledged: sum((one) => one.acknowledged),
    lost: sum((one) => one.lost),
  }
}

/** One kill, while each sync takes 0.6 s. */
async function killOnSlowDisk(appendfsync: string): Promise<Kill> {
  const strace = await requireProgram('strace', 'strace')
  await using server = await start(appendfsync)
  const syscall = `fdatasync:delay_exit=${SLOW_FSYNC_MS * 1000}`
  const tracer = spawn(strace, [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    `inject=${syscall}`,
    '-p',
    String(await pidOf(server)),
  ])
  await delay(500)
  const found = await kill(server, 4200)
  if (tracer.exitCode === null) await once(tracer, 'exit')
  return found
}

async function pidOf(server: RedisServer): Promise<number> {
  const redis = new Redis(server.url)
  const info = await redis.info('server')
  redis.disconnect()
  return Number(/process_id:(\d+)/.exec(info)?.[1])
}

interface Rates {
  /** 100 in flight. */
  readonly addPerSecond: number
  /** Concurrency 100, handlers that do nothing. */
  readonly processPerSecond: number
  /** One after the other. */
  readonly addMs: number
}

async function rates(appendfsync: string): Promise<Rates> {
  await using server = await start(appendfsync)
  const queue = new Queue<{ n: number }>('fsync', { url: server.url })
  const alone: number[] = []
  for (let i = 0; i < 300; i++) {
    const startedAt = performance.now()
    await queue.add({ n: -1 })
    alone.push(performance.now() - startedAt)
  }
  let startedAt = performance.now()
  await addAll(queue, JOBS, new Set())
  const addPerSecond = JOBS / ((performance.now() - startedAt) / 1000)
  const total = JOBS + alone.length
  const worker = new Queue<{ n: number }>('fsync', { url: server.url })
  startedAt = performance.now()
  await new Promise<void>((resolve) => {
    let left = total
    const keep = { succeeded: { count: 0 } }
    worker.process(() => void ((left -= 1) === 0 && resolve()), { concurrency: LANES, handleSignals: false, keep })
  })
  await worker.close()
  const processPerSecond = total / ((performance.now() - startedAt) / 1000)
  await queue.close()
  const addMs = alone.toSorted((a, b) => a - b)[alone.length / 2] ?? Number.NaN
  return {
    addPerSecond: Math.round(addPerSecond),
    processPerSecond: Math.round(processPerSecond),
    addMs: Math.round(addMs * 100) / 100,
  }
}

const measured: Record<string, Rates[]> = {}
for (let round = 0; round < ROUNDS; round++)
  for (const setting of SETTINGS) (measured[setting] ??= []).push(await rates(setting))
const settings: Record<string, object> = {}
for (const setting of SETTINGS) {
  const rounds = measured[setting] ?? []
  settings[setting] = {
    addPerSecond: median(rounds.map((round) => round.addPerSecond)),
    processPerSecond: median(rounds.map((round) => round.processPerSecond)),
    addMs: median(rounds.map((round) => round.addMs)),
    kills: { count: KILLS, ...(await kills(setting)) },
    killOnSlowDisk: { fsyncMs: SLOW_FSYNC_MS, ...(await killOnSlowDisk(setting)) },
  }
  console.log(setting, JSON.stringify(settings[setting]))
}

function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
}
const machine = { cpu: os.cpus()[0]?.model, cores: os.cpus().length, node: process.version, load: os.loadavg() }
const sdk = JSON.parse(readFileSync(new URL('../../packages/sdk/package.json', import.meta.url), 'utf8')) as {
  version: string
}
writeFileSync(
  FILE,
  `${JSON.stringify({ measuredAt: new Date().toISOString(), machine, sdk: sdk.version, lanes: LANES, settings }, null, 2)}\n`,
)
