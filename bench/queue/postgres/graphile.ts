/** Graphile Worker on the same server: jobs of 100 bytes, a task that does nothing. */
import { makeWorkerUtils, run, type RunnerOptions, type WorkerUtils } from 'graphile-worker'
import { Pool } from 'pg'
import { DATA } from '../common/payload.ts'

export type Preset = NonNullable<RunnerOptions['preset']>

/** Its batching all on, as its documentation advises for throughput. */
export const BATCHED: Preset = {
  worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
}
export const DEFAULTS: Preset = { worker: {} }

export async function openGraphile(url: string): Promise<{ utils: WorkerUtils; close: () => Promise<void> }> {
  const pgPool = openPool(url)
  const utils = await makeWorkerUtils({ pgPool, logger: await logger() })
  await utils.migrate()
  return {
    utils,
    async close() {
      await utils.release()
      await pgPool.end()
    },
  }
}

/** Ours, so that its end can be awaited: the database is dropped afterwards. */
function openPool(url: string): Pool {
  const pool = new Pool({ connectionString: url, max: 10 })
  const complain = (error: Error): void => void process.stderr.write(`${error.message}\n`)
  pool.on('error', complain)
  pool.on('connect', (client) => client.on('error', complain))
  return pool
}

async function logger() {
  const { Logger } = await import('graphile-worker')
  return new Logger(() => () => undefined)
}

export async function addOneByOne(utils: WorkerUtils, inFlight: number, total: number): Promise<number> {
  const startedAt = performance.now()
  let left = total
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await utils.addJob('noop', DATA)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return (total / (performance.now() - startedAt)) * 1000
}

export async function addMany(
  utils: WorkerUtils,
  size: number,
  total: number,
  payload: Record<string, unknown> = DATA,
): Promise<number> {
  const startedAt = performance.now()
  for (let done = 0; done < total; done += size)
    await utils.addJobs(Array.from({ length: size }, () => ({ identifier: 'noop', payload })))
  return (total / (performance.now() - startedAt)) * 1000
}

/** Works off what waits. @returns jobs per second from the first to the last job */
export async function drain(url: string, preset: Preset, concurrency: number, total: number): Promise<number> {
  let done = 0
  let startedAt = 0
  let finish = (): void => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const end = await startGraphile(url, preset, concurrency, () => {
    if (done === 0) startedAt = performance.now()
    done += 1
    if (done === total) finish()
  })
  await finished
  const rate = (total / (performance.now() - startedAt)) * 1000
  await end()
  return rate
}

/** @returns ends it */
export async function startGraphile(
  url: string,
  preset: Preset,
  concurrency: number,
  noop: () => void,
): Promise<() => Promise<void>> {
  const pgPool = openPool(url)
  const runner = await run({
    pgPool,
    preset: { worker: { ...preset.worker, concurrentJobs: concurrency } },
    logger: await logger(),
    noHandleSignals: true,
    taskList: { noop },
  })
  return async () => {
    await runner.stop()
    await pgPool.end()
  }
}
