/**
 * A worker is deployed a hundred times while 200 jobs a second come in: on Redis, on PostgreSQL, and with events on
 * RabbitMQ. Real processes (runtime `process`), a compiled server, stores of their own. Counted by the log of what was
 * acknowledged to the producer and the log of what handlers did (test/chaos/redeploy-checker.ts).
 *
 *   npm run build && npx tsx --conditions=source bench/apps/redeploys.ts [REDEPLOYS] [redis postgres events]
 */
import { startEmbeddedPostgres } from '../../packages/server/src/store/embedded/embedded-postgres.ts'
import { redeployUnderLoad, type RedeployPlan } from '../../test/chaos/redeploy-under-load.ts'
import { startRabbitServer } from '../../test/support/rabbitmq-server.ts'
import { startRedisServer } from '../../test/support/redis.ts'
import { tempDir } from '../../test/support/temp-dir.ts'
import { median, startBenchServer, writeResult } from './stage.ts'

const REDEPLOYS = Number(process.argv[2] ?? 100)
const STORES = process.argv.length > 3 ? process.argv.slice(3) : ['redis', 'postgres', 'events']
const PER_SECOND = 200
const GAP_GOAL_MS = 1000

async function measure(store: RedeployPlan['store'], url: string) {
  await using folder = await tempDir('redeploys')
  await using server = await startBenchServer({
    PANDA_RUNTIME: 'process',
    DOCKER_HOST: 'unix:///nowhere/docker.sock',
  })
  const sizes = { redeploys: REDEPLOYS, perSecond: PER_SECOND, replicas: 2 }
  const report = await redeployUnderLoad(server.api, { store, url, folder: folder.path, ...sizes })
  const { lost, doubled, deployMs, ...figures } = report
  return {
    redeploys: REDEPLOYS,
    ...figures,
    lost: lost.length,
    doubled: doubled.length,
    deployMs: { median: median(deployMs), max: Math.max(...deployMs) },
    met: lost.length === 0 && doubled.length === 0 && report.longestGapMs <= GAP_GOAL_MS,
  }
}

async function onRedis() {
  await using redis = await startRedisServer()
  return await measure('redis', redis.url)
}

async function onPostgres() {
  await using home = await tempDir('redeploys-store')
  const postgres = await startEmbeddedPostgres({ home: home.path, log: () => undefined })
  try {
    return await measure('postgres', postgres.url)
  } finally {
    await postgres.stop()
  }
}

async function onRabbit() {
  const rabbit = await startRabbitServer()
  try {
    return await measure('events', `amqp://guest:guest@${rabbit.host}:${rabbit.port}`)
  } finally {
    await rabbit.stop()
  }
}

const ways = { redis: onRedis, postgres: onPostgres, events: onRabbit }
const cases: Record<string, Awaited<ReturnType<typeof measure>>> = {}
for (const [store, way] of Object.entries(ways)) if (STORES.includes(store)) cases[store] = await way()
await writeResult('apps-redeploys', {
  what: `a worker with two instances deployed ${REDEPLOYS} times under ${PER_SECOND} jobs a second of 5 to 50 ms, drain 30 s`,
  goal: `lost 0, doubled 0, no longer than ${GAP_GOAL_MS} ms without an effect (longestPauseMs: nothing was added either)`,
  met: Object.values(cases).every(({ met }) => met),
  config: {
    runtime: 'process',
    redis: 'Redis, appendfsync everysec',
    postgres: 'PostgreSQL 18 (embedded), defaults',
    events: 'RabbitMQ, quorum queues of the SDK',
    replicas: 2,
  },
  cases,
})
