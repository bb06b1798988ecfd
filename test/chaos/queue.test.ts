import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import { startEmbeddedPostgres } from '../../packages/server/src/store/embedded/embedded-postgres.ts'
import { startRedisServer } from '../support/redis.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { tempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import { FULL, printFigures } from './figures.ts'
import { checkQueue } from './queue-checker.ts'
import { QueueWorkers } from './queue-workers.ts'

/**
 * Jobs through real worker processes, while workers and the store are killed, the network is cut and a worker stands still
 * for longer than its lease. Counted by what the producer was told and what the handlers wrote.
 */

const PLAN = FULL
  ? { jobs: 20_000, kills: 20, storeKills: 3, cuts: 3, stops: 2 }
  : { jobs: 1500, kills: 4, storeKills: 1, cuts: 1, stops: 1 }
const WORKERS = 2
const CONCURRENCY = 20
/** Default lease 10 s; a dead worker's jobs are back within 15 s of its death. */
const RECOVERY_LIMIT_MS = 15_000
const FREEZE_MS = 13_000
const AWAY_MS = 1000
const BETWEEN_MS = FULL ? 2000 : 800
const SETTLE_LIMIT_MS = 120_000

interface ChaosStore extends AsyncDisposable {
  readonly port: number
  url(port: number): string
  kill(): Promise<void>
  restart(): Promise<void>
}

async function redisStore(): Promise<ChaosStore> {
  // A result that was confirmed is to survive the kill of the server: with `everysec` a second of them may be lost.
  const server = await startRedisServer({ config: { appendfsync: 'always' } })
  return {
    port: server.port,
    url: (port) => `redis://127.0.0.1:${port}`,
    kill: () => server.kill(),
    restart: () => server.start(),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

async function postgresStore(): Promise<ChaosStore> {
  const home = await tempDir('chaos-queue')
  const server = await startEmbeddedPostgres({ home: home.path, log: () => undefined })
  let killed = server.pid
  return {
    port: Number(new URL(server.url).port),
    url: (port) => {
      const url = new URL(server.url)
      url.port = String(port)
      return url.href
    },
    kill: () => {
      killed = server.pid
      process.kill(killed, 'SIGKILL')
      return Promise.resolve()
    },
    // Its supervisor starts it again.
    restart: async () => {
      await waitFor('PostgreSQL to be started again', () => server.pid !== killed, 30_000)
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await home.remove()
    },
  }
}

describe.each([
  ['redis', redisStore],
  ['postgres', postgresStore],
] as const)('a queue on %s', (name, openStore) => {
  it(`loses nothing: ${PLAN.jobs} jobs, ${PLAN.kills} workers and ${PLAN.storeKills} stores killed, ${PLAN.cuts} cuts, ${PLAN.stops} stops`, async () => {
    await using store = await openStore()
    await using proxy = await tcpProxy(store.port)
    await using folder = await tempDir('chaos-queue-files')
    const files = { starts: join(folder.path, 'starts'), effects: join(folder.path, 'effects') }
    for (const file of Object.values(files)) writeFileSync(file, '')
    const url = store.url(proxy.port)
    await using workers = new QueueWorkers(url, files, CONCURRENCY)
    const queue = new Queue<{ n: number }>('chaos', { url: store.url(store.port), patience: '30s' })
    try {
      const acknowledged = new Set<string>()
      const producing = produce(queue, acknowledged)
      for (let worker = 0; worker < WORKERS; worker++) await workers.add()
      const backAt = await disturb(store, proxy, workers)
      await producing
      await settled(queue)
      const { figures, lost } = checkQueue(acknowledged, files, await queue.stats(), workers.killedAt, backAt)
      printFigures(`queue-${name}`, { ...PLAN, workers: WORKERS, concurrency: CONCURRENCY, ...figures })
      expect(lost).toEqual([])
      expect(figures).toMatchObject({ acknowledged: PLAN.jobs, acceptedTwice: 0, notSucceeded: 0, dead: 0 })
      // Whatever was running or taken ahead when a process died or was cut off may start once more.
      const faults = PLAN.kills + (PLAN.storeKills + PLAN.cuts + PLAN.stops) * WORKERS
      expect(figures['extraStarts']).toBeLessThanOrEqual(faults * CONCURRENCY)
      expect(figures['recoveryMaxMs']).toBeLessThanOrEqual(RECOVERY_LIMIT_MS)
    } finally {
      await queue.close()
    }
  })
})

/** One after the other in ten lanes, spread over the time of the disturbances; an add that failed is repeated with its key. */
async function produce(queue: Queue<{ n: number }>, acknowledged: Set<string>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < PLAN.jobs) {
      const n = next++
      for (;;) {
        try {
          const { id } = await queue.add({ n }, { idempotencyKey: `job-${n}` })
          acknowledged.add(id)
          break
        } catch (error) {
          if ((error as { code?: string }).code !== 'store_away') throw error
        }
      }
      await delay(30)
    }
  }
  await Promise.all(Array.from({ length: 10 }, lane))
}

/** @returns when the store was back after each time it was gone */
async function disturb(
  store: ChaosStore,
  proxy: { cut(): void; mend(): void },
  workers: QueueWorkers,
): Promise<number[]> {
  const backAt: number[] = []
  const outage = async (begin: () => unknown, end: () => unknown): Promise<void> => {
    await begin()
    await delay(AWAY_MS)
    await end()
    backAt.push(Date.now())
  }
  const storeKill = () =>
    outage(
      () => store.kill(),
      () => store.restart(),
    )
  const cut = () =>
    outage(
      () => proxy.cut(),
      () => proxy.mend(),
    )
  const acts: (() => Promise<void>)[] = [
    ...Array.from({ length: PLAN.kills }, () => () => workers.replaceOldest()),
    ...Array.from({ length: PLAN.storeKills }, () => storeKill),
    ...Array.from({ length: PLAN.cuts }, () => cut),
    ...Array.from({ length: PLAN.stops }, () => () => workers.freezeOldest(() => delay(FREEZE_MS))),
  ]
  // In a fixed order that mixes the kinds, so that a failure can be repeated.
  const order = acts
    .map((act, index) => ({ act, place: (index * 5) % acts.length }))
    .toSorted((a, b) => a.place - b.place)
  for (const { act } of order) {
    await delay(BETWEEN_MS)
    await act()
  }
  return backAt
}

async function settled(queue: Queue<{ n: number }>): Promise<void> {
  await waitFor(
    'all jobs to end',
    async () => {
      const { queued, scheduled, retrying, running } = await queue.counts()
      return queued + scheduled + retrying + running === 0
    },
    SETTLE_LIMIT_MS,
  )
}
