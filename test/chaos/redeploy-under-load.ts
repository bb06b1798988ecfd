import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { AppDetail } from '../../packages/contract/src/index.ts'
import type { Client } from '../support/api-client.ts'
import { waitFor } from '../support/wait-for.ts'
import { checkRedeploys, parseLog, type RedeployVerdict } from './redeploy-checker.ts'

export interface RedeployPlan {
  /** Also the name of its project. `events` are published and subscribed to on RabbitMQ. */
  readonly store: 'redis' | 'postgres' | 'events'
  readonly url: string
  /** Where the worker's program and the logs are kept. */
  readonly folder: string
  readonly redeploys: number
  readonly perSecond: number
  readonly replicas: number
}

export interface RedeployReport extends RedeployVerdict {
  /** Jobs that old instances finished after they were told to end, and gave back, over all deploys. */
  readonly finishedInDrain: number
  readonly handedBack: number
  readonly killed: number
  readonly deployMs: readonly number[]
}

const VARIABLES = { redis: 'REDIS_URL', postgres: 'DATABASE_URL', events: 'RABBITMQ_URL' } as const
const SDK = join(import.meta.dirname, '../../packages/sdk/dist')
const LIMIT_MS = 180_000

/** The built SDK, as applications have it. */
interface Built {
  readonly Queue: new (
    name: string,
    options: { url: string },
  ) => {
    add(data: { n: number }): Promise<unknown>
    close(): Promise<void>
  }
  readonly Events: new (options: { url: string; source: string }) => {
    publish(type: string, data: { n: number }): Promise<unknown>
    close(): Promise<void>
  }
}

/** Jobs of 5 to 50 ms; one line for each that was done. */
function workerProgram({ store }: RedeployPlan, effects: string): string {
  const own =
    store === 'events'
      ? `import { Events } from ${JSON.stringify(join(SDK, 'events/index.js'))}
await new Events().subscribe('load.*', { concurrency: 20 }, done)`
      : `import { Queue } from ${JSON.stringify(join(SDK, 'queue/index.js'))}
new Queue('load').process((job) => done(job.data), { concurrency: 20 })`
  return `import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
async function done({ n }) {
  await delay(5 + (n % 10) * 5)
  appendFileSync(${JSON.stringify(effects)}, n + ' ' + Date.now() + ' ' + process.env.PANDA_INSTANCE + '\\n')
}
${own}
`
}

async function openProducer({ store, url }: RedeployPlan) {
  const built = (await import(join(SDK, store === 'events' ? 'events/index.js' : 'queue/index.js'))) as Built
  if (store === 'events') {
    const events = new built.Events({ url, source: 'load' })
    return { add: (n: number) => events.publish('load.made', { n }), close: () => events.close() }
  }
  const queue = new built.Queue('load', { url })
  return { add: (n: number) => queue.add({ n }), close: () => queue.close() }
}

/** Adds at a steady rate until it is told to stop; what was acknowledged is in the log. */
async function produce(add: (n: number) => Promise<unknown>, perSecond: number, acks: string, signal: AbortSignal) {
  const beganMs = performance.now()
  const open = new Set<Promise<void>>()
  for (let n = 1; !signal.aborted; n++) {
    const adding = add(n).then(() => appendFileSync(acks, `${n} ${Date.now()}\n`))
    open.add(adding)
    void adding.finally(() => open.delete(adding))
    await delay(Math.max(0, beganMs + (n * 1000) / perSecond - performance.now()))
  }
  await Promise.all(open)
}

/**
 * Deploys a worker again and again while jobs come in at a steady rate, on a server whose runtime starts processes.
 *
 * @returns what an independent look at the log of acknowledgements and that of effects says
 */
export async function redeployUnderLoad(api: Client, plan: RedeployPlan): Promise<RedeployReport> {
  const { store, folder, replicas } = plan
  const file = (name: string) => join(folder, `${store}-${name}`)
  const [acks, effects, worker] = [file('acks'), file('effects'), file('worker.mjs')]
  for (const log of [acks, effects]) writeFileSync(log, '')
  writeFileSync(worker, workerProgram(plan, effects))
  const query = `?project=${store}`
  await api.ok('POST', '/v1/projects', { name: store })
  await api.ok('PUT', `/v1/env/${VARIABLES[store]}${query}`, { value: plan.url })
  const deploy = async (body: object, revision: number): Promise<AppDetail> => {
    await api.ok('POST', `/v1/apps/load/deploys${query}`, body)
    return waitFor(
      `revision ${revision} of the worker on ${store}`,
      async () => {
        const app = await api.ok<AppDetail>('GET', `/v1/apps/load${query}`)
        if (app.deploy.state === 'failed') throw new Error(`the deploy has failed: ${app.deploy.message}`)
        const alive = app.instances.filter(({ finishedAt }) => finishedAt === null)
        return app.readyRevision === revision && alive.length === replicas ? app : undefined
      },
      LIMIT_MS,
    )
  }
  const command = [process.execPath, worker]
  await deploy({ image: 'your-org/api:1', command, ready: 'registered', drain: '30s', replicas }, 1)

  const producer = await openProducer(plan)
  const stopping = new AbortController()
  const producing = produce(producer.add, plan.perSecond, acks, stopping.signal)
  const deployMs: number[] = []
  const drained = { finishedInDrain: 0, handedBack: 0, killed: 0 }
  try {
    for (let nth = 1; nth <= plan.redeploys; nth++) {
      const beganMs = performance.now()
      const { deploy: done } = await deploy({ env: { VERSION: String(nth) } }, nth + 1)
      deployMs.push(Math.round(performance.now() - beganMs))
      drained.finishedInDrain += done.drained.finished ?? 0
      drained.handedBack += done.drained.handedBack ?? 0
      drained.killed += done.drained.killed
    }
  } finally {
    stopping.abort()
    await producing
    await producer.close()
  }
  const verdict = () => checkRedeploys(parseLog(readFileSync(acks, 'utf8')), parseLog(readFileSync(effects, 'utf8')))
  await waitFor('what waits to be done', () => verdict().lost.length === 0, LIMIT_MS).catch(() => undefined)
  await api.call('POST', `/v1/apps/load/stop${query}`)
  await waitFor('the workers to end', async () => isStill(api, query), LIMIT_MS)
  // Once nobody can add to it any more.
  return { ...verdict(), ...drained, deployMs }
}

async function isStill(api: Client, query: string): Promise<boolean> {
  const { instances } = await api.ok<AppDetail>('GET', `/v1/apps/load${query}`)
  return instances.every(({ finishedAt }) => finishedAt !== null)
}
