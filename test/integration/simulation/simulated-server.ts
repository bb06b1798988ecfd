import { Kysely, PostgresDialect } from 'kysely'
import { pino } from 'pino'
import { Dispatcher } from '../../../packages/server/src/executor/dispatcher.ts'
import { Executor } from '../../../packages/server/src/executor/executor.ts'
import type { CollectLogs, ProjectSettings } from '../../../packages/server/src/executor/ports.ts'
import { Reconciler } from '../../../packages/server/src/reconcile/reconciler.ts'
import { type RuntimeDriver, unitName } from '../../../packages/server/src/runtime/driver.ts'
import { FakeDriver } from '../../../packages/server/src/runtime/fake/fake-driver.ts'
import { Scheduler } from '../../../packages/server/src/scheduler/scheduler.ts'
import type { Database } from '../../../packages/server/src/store/database.ts'
import type { Listener } from '../../../packages/server/src/store/listen.ts'
import type { Schema } from '../../../packages/server/src/store/schema.ts'
import { engineView } from './engine-view.ts'
import { GatedPool } from './gated-pool.ts'
import type { ReconcilerWorld } from './reconciler-world.ts'
import { SimulatedMembership } from './simulated-membership.ts'
import { SimulatedProcess } from './simulated-process.ts'

const MAX_RUNS = 3
const NO_SETTINGS: ProjectSettings = { env: {}, secrets: {}, cronjobSecrets: new Map(), registries: new Map() }
const log = pino({ level: process.env['PANDA_TEST_LOG'] ?? 'silent' })

/** One server made of the real parts, as the composition root builds them, on virtual time. */
export interface ReconcilingServer {
  readonly process: SimulatedProcess
  readonly membership: SimulatedMembership
  /** A notification arrives. */
  wake(channel: string): void
}

/** The real log store waits in real time; here the output is read to its end and forgotten. */
function readLogs(driver: RuntimeDriver): CollectLogs {
  return async ({ unit, signal }) => {
    for await (const chunk of driver.logs(unit, { after: null, follow: true, signal })) void chunk
  }
}

/** A database handle of one process. */
export function databaseOf(world: ReconcilerWorld, process: SimulatedProcess): Database {
  const { turnstile } = world
  const pool = new GatedPool({
    rewrite: (text) => world.defect?.rewrite(text) ?? text,
    pool: world.pool,
    turnstile,
    process,
    beforeUse: () => world.tellTime(),
    onNotify: (channel) => world.notify(channel),
  })
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
}

export async function startServer(world: ReconcilerWorld, id: string): Promise<ReconcilingServer> {
  const { engine, time, random } = world
  const process = new SimulatedProcess(id, (moment) => world.reach(process, moment))
  const clock = time.clockOf(process)
  const db = databaseOf(world, process)
  const driver = new FakeDriver(engineView({ engine, process, time, random, rates: () => world.engineRates }))
  const handlers = new Map<string, Set<(payload: string) => void>>()
  const listener: Pick<Listener, 'on'> = {
    on(channel, handler) {
      const set = handlers.get(channel) ?? new Set()
      handlers.set(channel, set.add(handler))
      return () => set.delete(handler)
    },
  }
  const base = { db, clock, log, driver, listener, installation: 'test', engineId: engine.id, serverId: id }
  const all = world.memberships
  const onGap = (): void => void executor.verifyFences().catch((err: unknown) => log.warn({ err }, 'fences'))
  const membership = new SimulatedMembership({ db, clock, process, engineId: engine.id, all, onGap })
  const executor: Executor = new Executor({
    ...base,
    maxRuns: MAX_RUNS,
    collectLogs: readLogs(driver),
    loadSettings: () => Promise.resolve(NO_SETTINGS),
    surelyOurs: () => world.defect?.surelyOurs?.() ?? membership.surelyOurs(),
    onEnded: ({ runId, attempt }) => world.accepted.push({ unit: unitName(runId, attempt), serverId: id }),
  })
  const reconciler = new Reconciler({ ...base, executor, membership })
  for (const part of [
    executor,
    new Scheduler({ ...base, executor }),
    new Dispatcher({ ...base, executor }),
    reconciler,
  ])
    await part.start()
  void membership.run()
  const wake = (channel: string): void => {
    if (process.running) for (const handler of handlers.get(channel) ?? []) handler('')
  }
  return { process, membership, wake }
}
