/**
 * What a server costs that keeps apps at rest: CPU of its process and of its PostgreSQL, and its memory, with 100 apps of
 * two instances on the fake runtime, and with 20 real containers that sleep.
 *
 *   npm run build && npx tsx --conditions=source bench/apps/idle-server.ts [MINUTES] [fake docker]
 *
 * MINUTES (default 5) of each are measured, both at the same time, after two minutes in which the start settles.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { App } from '@pandastack/contract'
import { privateDocker } from '../../test/support/docker.ts'
import { testImage } from '../../test/support/images.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { type BenchServer, cpuSecondsOf, rssMiBOf, startBenchServer, tidy, writeResult } from './stage.ts'

const MINUTES = Number(process.argv[2] ?? 5)
const PARTS = process.argv.length > 3 ? process.argv.slice(3) : ['fake', 'docker']
const SETTLE_MS = Number(process.env['SETTLE_MS'] ?? 120_000)
const SAMPLE_MS = 5000
const CPU_GOAL_PERCENT = 3
/** The last quarter's mean memory against the first's. */
const GROWTH_GOAL = 1.05

async function measure(server: BenchServer, apps: number, replicas: number, spec: object) {
  for (let n = 0; n < apps; n++) await server.api.ok('POST', `/v1/apps/app-${n}/deploys`, { ...spec, replicas })
  await waitFor('all apps to be ready', async () => (await readyApps(server)) === apps, 300_000)
  await delay(SETTLE_MS)
  const cpu = () => ({ server: cpuSecondsOf(server.pid), database: server.databaseCpuSeconds() })
  const before = cpu()
  const beganMs = performance.now()
  const memory: number[] = []
  while (performance.now() - beganMs < MINUTES * 60_000) {
    await delay(SAMPLE_MS)
    memory.push(rssMiBOf(server.pid))
  }
  const after = cpu()
  const seconds = (performance.now() - beganMs) / 1000
  const quarter = Math.max(1, Math.floor(memory.length / 4))
  const [first, last] = [mean(memory.slice(0, quarter)), mean(memory.slice(-quarter))]
  const serverPercent = tidy(((after.server - before.server) / seconds) * 100)
  return {
    apps,
    instances: apps * replicas,
    measuredForSeconds: Math.round(seconds),
    serverPercentOfACore: serverPercent,
    databasePercentOfACore: tidy(((after.database - before.database) / seconds) * 100),
    memoryMiB: { firstQuarter: tidy(first), lastQuarter: tidy(last), max: tidy(Math.max(...memory)) },
    growth: tidy(last / first),
    met: serverPercent < CPU_GOAL_PERCENT && last / first <= GROWTH_GOAL,
  }
}

async function readyApps({ api }: BenchServer): Promise<number> {
  const { items } = await api.ok<{ items: App[] }>('GET', '/v1/apps?limit=500')
  return items.filter(({ state, ready, replicas }) => state === 'ready' && ready === replicas).length
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const mean = (values: readonly number[]): number => sum(values) / values.length

async function onFake() {
  await using server = await startBenchServer({ PANDA_RUNTIME: 'fake' })
  return await measure(server, 100, 2, { image: 'fake.test/program:1', command: ['forever'] })
}

async function onDocker() {
  await using docker = await privateDocker({ networkPrefix: 26 })
  const image = await testImage('busybox', docker.engine)
  await using server = await startBenchServer({ PANDA_RUNTIME: 'docker', DOCKER_HOST: `unix://${docker.socketPath}` })
  return await measure(server, 10, 2, { image, pull: 'never', command: ['sleep', '1000000'], memory: '16Mi' })
}

// Side by side: an hour of each is an hour.
const measured = await Promise.all(
  PARTS.map(async (part) => [part, await (part === 'fake' ? onFake() : onDocker())] as const),
)
const cases = Object.fromEntries(measured)
await writeResult('apps-idle-server', {
  what: 'CPU and memory of the process of `panda server` (and, apart, of its embedded PostgreSQL) while its apps are at rest',
  goal: `server under ${CPU_GOAL_PERCENT} % of a core; memory of the last quarter at most ${GROWTH_GOAL} x the first`,
  met: measured.every(([, { met }]) => met),
  config: { runtimes: 'fake (in memory), Docker; instances: fake `forever`, busybox `sleep`', settleMs: SETTLE_MS },
  cases,
})
