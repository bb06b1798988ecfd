import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readConfig } from '../../packages/server/src/config.ts'
import { Executor } from '../../packages/server/src/executor/executor.ts'
import { createLog } from '../../packages/server/src/log.ts'
import { startServer } from '../../packages/server/src/main.ts'
import { FakeDriver } from '../../packages/server/src/runtime/fake/fake-driver.ts'
import type { Stage } from './stage.ts'

/** As many as PANDA_MAX_RUNS allows. */
const SLOTS = 100_000

/** Lateness of each tick in milliseconds. */
export interface Observed {
  /** Due → its row is committed and the executor has it. */
  readonly durable: number[]
  /** Due → the runtime is called to start it. */
  readonly started: number[]
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
  const observed: Observed = { durable: [], started: [] }
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

function watch({ durable, started }: Observed, countFrom: number): () => void {
  // oxlint-disable typescript/unbound-method -- called below with the object they belong to
  const { take } = Executor.prototype
  const { start } = FakeDriver.prototype
  // oxlint-enable typescript/unbound-method
  Executor.prototype.take = function (runs) {
    const now = Date.now()
    for (const { dueAt } of runs) if (dueAt.getTime() >= countFrom) durable.push(now - dueAt.getTime())
    take.call(this, runs)
  }
  FakeDriver.prototype.start = function (unit, signal) {
    const due = Date.parse(unit.env['PANDA_DUE_AT'] ?? '')
    if (due >= countFrom) started.push(Date.now() - due)
    return start.call(this, unit, signal)
  }
  return () => Object.assign(FakeDriver.prototype, { start }) && Object.assign(Executor.prototype, { take })
}
