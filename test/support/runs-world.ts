import { type CronjobSpecInput, cronjobSpecSchema, type RunState } from '@pandastack/contract'
import { sql } from 'kysely'
import { pino } from 'pino'
import { type Clock, systemClock } from '../../packages/server/src/clock.ts'
import { specColumns } from '../../packages/server/src/cronjobs/spec-columns.ts'
import { bindLogs } from '../../packages/server/src/executor/bind-logs.ts'
import { Dispatcher } from '../../packages/server/src/executor/dispatcher.ts'
import { Executor } from '../../packages/server/src/executor/executor.ts'
import type { ProjectSettings } from '../../packages/server/src/executor/ports.ts'
import { LogStore } from '../../packages/server/src/logs/log-store.ts'
import { Reconciler } from '../../packages/server/src/reconcile/reconciler.ts'
import type { RuntimeDriver } from '../../packages/server/src/runtime/driver.ts'
import { FakeDriver } from '../../packages/server/src/runtime/fake/fake-driver.ts'
import { MemoryEngine } from '../../packages/server/src/runtime/fake/memory-engine.ts'
import { RESTART_GRACE_MS } from '../../packages/server/src/servers/liveness.ts'
import { Membership } from '../../packages/server/src/servers/membership.ts'
import { type Database, openDatabase } from '../../packages/server/src/store/database.ts'
import { newId } from '../../packages/server/src/store/ids.ts'
import { type Listener, openListener } from '../../packages/server/src/store/listen.ts'
import type { RunRow } from '../../packages/server/src/store/schema.ts'
import { type MigratedDatabase, migratedDatabase } from './migrated-database.ts'
import { waitFor } from './wait-for.ts'

export const NO_SETTINGS: ProjectSettings = { env: {}, secrets: {}, cronjobSecrets: new Map(), registries: new Map() }

export interface ServerOptions {
  readonly engine?: MemoryEngine
  readonly driver?: RuntimeDriver
  readonly maxRuns?: number
  readonly settings?: ProjectSettings | Error
  /** Default true. False: runs are handed in by the test. */
  readonly dispatch?: boolean
  /** Makes the reconciler's passes the test's to call: it is not started. */
  readonly reconcilerClock?: Clock
}

/** One server's part for runs, as the composition root builds it, on connections of its own. */
export interface TestServer {
  readonly id: string
  readonly db: Database
  readonly executor: Executor
  readonly membership: Membership
  readonly reconciler: Reconciler
  readonly dispatcher: Dispatcher
  readonly driver: RuntimeDriver
  /** A graceful stop. */
  stop(): Promise<void>
  /** As a SIGKILL: nothing is written any more, its connections are cut. */
  die(): Promise<void>
}

const silent = pino({ level: process.env['PANDA_TEST_LOG'] ?? 'silent' })

export class RunsWorld implements AsyncDisposable {
  readonly database: MigratedDatabase
  readonly engine = new MemoryEngine()
  readonly #servers: TestServer[] = []

  private constructor(database: MigratedDatabase) {
    this.database = database
  }

  static async open(): Promise<RunsWorld> {
    return new RunsWorld(await migratedDatabase())
  }

  get db(): Database {
    return this.database.db
  }

  async server(options: ServerOptions = {}): Promise<TestServer> {
    const server = await startServer(this.database, this.engine, options)
    this.#servers.push(server)
    return server
  }

  /** A cronjob that does not fire by itself. `command` are words of the fake runtime, e.g. `exit 3 after 100ms`. */
  async cronjob(command: string, change: Partial<CronjobSpecInput> = {}): Promise<string> {
    const words = command === '' ? null : command.split(' ')
    const spec = cronjobSpecSchema.parse({ image: 'fake/image:1', schedule: '0 0 1 1 *', command: words, ...change })
    const id = newId('cj')
    const name = `job-${id.slice(-12)}`
    await this.db
      .insertInto('cronjobs')
      .values({ id, project_id: this.database.projectId, name, ...specColumns(spec) })
      .execute()
    const revision = { cronjob_id: id, revision: 1, spec: JSON.stringify(spec) }
    await this.db.insertInto('cronjob_revisions').values(revision).execute()
    return id
  }

  /** A run as a tick would leave it for the dispatcher. */
  async queue(cronjobId: string, change: Partial<RunRow> = {}): Promise<string> {
    const id = newId('run')
    const job = await this.db
      .selectFrom('cronjobs')
      .select('max_attempts')
      .where('id', '=', cronjobId)
      .executeTakeFirstOrThrow()
    await this.db
      .insertInto('runs')
      .values({
        id,
        project_id: this.database.projectId,
        cronjob_id: cronjobId,
        revision: 1,
        trigger: 'manual',
        state: 'queued',
        due_at: new Date(),
        available_at: new Date(Date.now() - 1000),
        max_attempts: job.max_attempts,
        ...(change as object),
      })
      .execute()
    await sql`select pg_notify('panda_runs', ${id})`.execute(this.db)
    return id
  }

  async run(id: string): Promise<RunRow> {
    return this.db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  }

  attempts(id: string) {
    return this.db.selectFrom('attempts').selectAll().where('run_id', '=', id).orderBy('number').execute()
  }

  /** Waits until the run is in one of these states. */
  until(id: string, ...states: RunState[]): Promise<RunRow> {
    return waitFor(`${id} to be ${states.join(' or ')}`, async () => {
      const run = await this.run(id)
      return states.includes(run.state) ? run : false
    })
  }

  /** Waits until its unit runs and that is on record. */
  untilStarted(id: string): Promise<RunRow> {
    return waitFor(`${id} to be started`, async () => {
      const run = await this.run(id)
      return run.state === 'running' && run.phase === 'running' ? run : false
    })
  }

  /** Nobody is called dead right after a restart of the database, which a test run begins with. */
  async afterRestartGrace(): Promise<void> {
    await waitFor('the database to have been up for a while', async () => {
      const { rows } = await sql<{ up: boolean }>`select
        clock_timestamp() - pg_postmaster_start_time() > ${RESTART_GRACE_MS} * interval '1 ms' as up`.execute(this.db)
      return rows[0]?.up
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()))
    await this.database[Symbol.asyncDispose]()
  }
}

async function startServer(
  database: MigratedDatabase,
  shared: MemoryEngine,
  {
    engine = shared,
    driver = new FakeDriver(engine),
    maxRuns = 16,
    settings = NO_SETTINGS,
    dispatch = true,
    reconcilerClock,
  }: ServerOptions,
): Promise<TestServer> {
  const { url } = database
  const db = openDatabase(url, { poolSize: 4 })
  const listener: Listener = await openListener(url, () => undefined)
  const base = { db, clock: systemClock, log: silent, driver, installation: 'test', engineId: engine.id }
  const membership = new Membership({ ...base, url, runtime: 'fake' })
  await membership.start()
  const { serverId } = membership
  const executor = new Executor({
    ...base,
    serverId,
    maxRuns,
    listener,
    collectLogs: bindLogs({ ...base, store: new LogStore({ db, log: silent }) }),
    loadSettings: () => (settings instanceof Error ? Promise.reject(settings) : Promise.resolve(settings)),
    surelyOurs: () => membership.surelyOurs(),
    stopLimitMs: 2000,
  })
  membership.onGap(() => void executor.verifyFences().catch((error: unknown) => silent.warn({ err: error }, 'fences')))
  const dispatcher = new Dispatcher({ ...base, serverId, listener, executor })
  const reconciler = new Reconciler({ ...base, executor, membership, clock: reconcilerClock ?? systemClock })
  await executor.start()
  if (dispatch) await dispatcher.start()
  if (reconcilerClock === undefined) await reconciler.start()
  let over: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await dispatcher.stop()
    await reconciler.stop()
    await executor.stop()
    await membership.stop()
    await listener.close()
    await db.destroy()
  }
  const die = async (): Promise<void> => {
    await Promise.all([db.destroy(), listener.close(), membership.abandon()])
    await Promise.all([dispatcher.stop(), reconciler.stop(), executor.stop()])
  }
  return {
    id: serverId,
    db,
    executor,
    membership,
    reconciler,
    dispatcher,
    driver,
    stop: () => (over ??= stop()),
    die: () => (over ??= die()),
  }
}
