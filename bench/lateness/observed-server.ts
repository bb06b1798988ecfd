import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readConfig } from '../../packages/server/dist/config.js'
import { Executor } from '../../packages/server/dist/executor/executor.js'
import { createLog } from '../../packages/server/dist/log.js'
import { startServer } from '../../packages/server/dist/main.js'
import { FakeDriver } from '../../packages/server/dist/runtime/fake/fake-driver.js'
import type { Stage } from './stage.ts'

/** As many as PANDA_MAX_RUNS allows. */
const SLOTS = 100_000

/** Lateness of each tick in milliseconds. */
export interface Observed {
  /** Due → its row is committed and the executor has it. */
  readonly durable: number[]
  /** Due → the runtime is called to start it. */
  readonly started: number[]
  /** The way between these two. */
  readonly handedOver: number[]
}

export interface ObservedServer extends AsyncDisposable, Observed {
  readonly url: string
  readonly token: string
  /** From the call of startServer until /readyz answers 200, ms. */
  readonly readyInMs: number
}

/**
 * The whole server as `panda server` starts it, with the fake runtime, watched at two of its seams: where the scheduler
 * hands runs to the executor, and where the executor calls the runtime.
 *
 * @param countFrom ticks due before it are the warm-up, epoch ms
 */
export async function startObserved(stage: Stage, countFrom: number): Promise<ObservedServer> {
  const observed: Observed = { durable: [], started: [], handedOver: [] }
  const unwatch = watch(observed, countFrom)
  const config = readConfig(
    { home: stage.home, port: 0, databaseUrl: stage.url, runtime: 'fake', maxRuns: SLOTS, rateLimit: 0 },
    {},
  )
  const log = createLog({ logLevel: 'warn', logFormat: 'json' }, process.stderr)
  const startedAt = performance.now()
  const server = await startServer(config, { log })
  while ((await fetch(`${server.url}/readyz`)).status !== 200) await new Promise(setImmediate)
  const readyInMs = Math.round(performance.now() - startedAt)
  return {
    ...observed,
    url: server.url,
    token: (await readFile(join(stage.home, 'token'), 'utf8')).trim(),
    readyInMs,
    async [Symbol.asyncDispose]() {
      await server.stop()
      unwatch()
    },
  }
}

function watch({ durable, started, handedOver }: Observed, countFrom: number): () => void {
  const takenAt = new Map<string, { readonly due: number; readonly at: number }>()
  // oxlint-disable typescript/unbound-method -- called below with the object they belong to
  const { take } = Executor.prototype
  const { start } = FakeDriver.prototype
  // oxlint-enable typescript/unbound-method
  Executor.prototype.take = function (runs) {
    const now = Date.now()
    for (const { id, dueAt } of runs) {
      const due = dueAt.getTime()
      if (due < countFrom) continue
      durable.push(now - due)
      takenAt.set(id, { due, at: now })
    }
    take.call(this, runs)
  }
  FakeDriver.prototype.start = function (unit, signal) {
    const now = Date.now()
    const taken = takenAt.get(unit.labels.run)
    if (taken !== undefined) {
      started.push(now - taken.due)
      handedOver.push(now - taken.at)
    }
    return start.call(this, unit, signal)
  }
  return () => Object.assign(FakeDriver.prototype, { start }) && Object.assign(Executor.prototype, { take })
}
