/**
 * From the API call that scales an app from 0 to 10 instances until the platform says that all ten have registered with
 * their queue, beside the engine's own floor: the same ten containers created and started at once by bare calls of the
 * engine, until each has said in its log that it has registered. In turn, in one run, on one engine and one Redis.
 *
 *   npm run build && npx tsx --conditions=source bench/apps/scale.ts [ROUNDS]
 */
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { AppDetail } from '@pandastack/contract'
import type Docker from 'dockerode'
import { createOptions } from '../../packages/server/src/runtime/docker/create-options.ts'
import { quirksOf } from '../../packages/server/src/runtime/docker/quirks.ts'
import { privateDocker } from '../../test/support/docker.ts'
import { testImage } from '../../test/support/images.ts'
import { startRedisServer } from '../../test/support/redis.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { median, startBenchServer, tidy, writeResult } from './stage.ts'

const ROUNDS = Number(process.argv[2] ?? 7)
const INSTANCES = 10
const GOAL = 1.2
const MEMORY_MIB = 256
const LIMIT_MS = 120_000
const WORKER = `import { Queue } from '@pandastack/sdk/queue'
new Queue('scale').process(async () => {})`
const COMMAND = ['node', '--input-type=module', '-e', WORKER]

await using docker = await privateDocker({ networkPrefix: 26 })
const image = await testImage('examples', docker.engine)
await using redis = await startRedisServer({ config: { bind: '0.0.0.0', 'protected-mode': 'no' } })
const redisUrl = `redis://${await hostAddress()}:${redis.port}`
await using server = await startBenchServer({ PANDA_RUNTIME: 'docker', DOCKER_HOST: `unix://${docker.socketPath}` })

/** Where containers find this machine. */
async function hostAddress(): Promise<string> {
  const { IPAM } = await docker.engine.getNetwork('bridge').inspect()
  const gateway = IPAM?.Config?.[0]?.Gateway
  if (gateway === undefined) throw new Error("the engine's bridge has no address")
  return gateway
}

const app = () => server.api.ok<AppDetail>('GET', '/v1/apps/scaled')

async function untilReady(replicas: number): Promise<void> {
  let last: unknown
  try {
    await waitFor(
      `${replicas} instances`,
      async () => {
        const { ready, instances, deploy } = await app()
        if (deploy.state === 'failed') throw new Error(`the deploy has failed: ${deploy.message}`)
        const live = instances.filter(({ finishedAt }) => finishedAt === null)
        last = live
        return ready === replicas && live.length === replicas
      },
      LIMIT_MS,
    )
  } catch (error) {
    throw new Error(`not there: ${JSON.stringify(last)}`, { cause: error })
  }
}

async function scaleOurs(): Promise<number> {
  const began = performance.now()
  await server.api.ok('POST', '/v1/apps/scaled/scale', { replicas: INSTANCES })
  await untilReady(INSTANCES)
  const took = performance.now() - began
  await server.api.ok('POST', '/v1/apps/scaled/scale', { replicas: 0 })
  await untilReady(0)
  return took
}

let containers = 0

/** What our driver asks of the engine for an instance, without the labels by which the server would take it for an orphan. */
function floorOptions(network: string): { name: string; instance: string; options: object } {
  const instance = `ins_floor${containers++}`
  const name = `floor-${instance}`
  const labels = {
    installation: 'bench',
    project: 'default',
    kind: 'app',
    resource: 'scaled',
    run: instance,
    attempt: 1,
  } as const
  const env = { REDIS_URL: redisUrl, PANDA_INSTANCE: instance, PANDA_APP: 'scaled', PANDA_DRAIN_MS: '30000' }
  const limits = { env, memoryBytes: MEMORY_MIB * 1024 ** 2, cpus: 1, graceMs: 30_000 }
  const unit = { name, labels, image, entrypoint: null, command: COMMAND, ...limits }
  return { name, instance, options: { ...createOptions(unit, network, quirksOf([])), Labels: {} } }
}

async function startFloor(network: string): Promise<Docker.Container> {
  const { name, instance, options } = floorOptions(network)
  const container = await docker.engine.createContainer({ name, ...options })
  await container.start()
  const log = (await container.logs({ follow: true, stdout: true, stderr: true })) as unknown as Readable
  let text = ''
  while (!text.includes(`panda::${instance} {"kind":"registered"`)) {
    const [chunk] = (await once(log, 'data')) as [Buffer]
    text += chunk.toString()
  }
  log.destroy()
  return container
}

async function scaleFloor(network: string): Promise<number> {
  const began = performance.now()
  const started = await Promise.all(Array.from({ length: INSTANCES }, () => startFloor(network)))
  const took = performance.now() - began
  await Promise.all(started.map(async (container) => container.remove({ force: true })))
  return took
}

await server.api.ok('PUT', '/v1/env/REDIS_URL', { value: redisUrl })
await server.api.ok('POST', '/v1/apps/scaled/deploys', {
  image,
  pull: 'never',
  command: COMMAND,
  memory: `${MEMORY_MIB}Mi`,
  ready: 'registered',
  replicas: 1,
})
await untilReady(1)
const networks = await docker.engine.listNetworks()
const network = networks.find(({ Name }) => Name.startsWith('panda-') && Name.endsWith('-default'))?.Name
if (network === undefined) throw new Error('the project has no network')
await server.api.ok('POST', '/v1/apps/scaled/scale', { replicas: 0 })
await untilReady(0)

// One of each to warm up, then in turn, each time beginning with the other one.
await scaleFloor(network)
await scaleOurs()
const ours: number[] = []
const floor: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  if (round % 2 === 0) floor.push(await scaleFloor(network))
  ours.push(await scaleOurs())
  if (round % 2 === 1) floor.push(await scaleFloor(network))
}

const ratio = median(ours) / median(floor)
await writeResult('apps-scale', {
  what: `ms from the call that scales 0 -> ${INSTANCES} until all have registered with their queue (an SDK worker on Redis in each container)`,
  goal: `ours / floor of the engine at most ${GOAL}, medians of the same run`,
  met: ratio <= GOAL,
  config: {
    engine: (await docker.engine.version()).Version,
    store: 'Redis, appendfsync everysec',
    image: 'from scratch, node, the SDK and the examples, present before',
    network: 'present before',
    floor: 'create, start and the log followed, ten at once by bare calls',
    rounds: ROUNDS,
  },
  ratio: tidy(ratio),
  medianMs: { ours: Math.round(median(ours)), floor: Math.round(median(floor)) },
  roundsMs: { ours: ours.map(Math.round), floor: floor.map(Math.round) },
})
