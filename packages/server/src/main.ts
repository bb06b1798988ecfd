import { randomUUID } from 'node:crypto'
import { AppController } from './apps/app-controller.ts'
import { collectInstanceLogs } from './apps/collect-instance-logs.ts'
import { instanceLedger } from './apps/instance-ledger.ts'
import { createSender } from './alerts/channels/send.ts'
import { AlertDispatcher } from './alerts/dispatcher.ts'
import { createOutbound } from './alerts/outbound.ts'
import { IdempotencyPruner } from './api/idempotency-pruner.ts'
import { closeApi } from './api/close.ts'
import { createApi } from './api/server.ts'
import { Authenticator } from './auth/authenticator.ts'
import { ensureFirstToken } from './auth/first-token.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Component } from './component.ts'
import { type Config, readConfig } from './config.ts'
import { ProjectDatabases } from './databases/project-databases.ts'
import { withDatabase } from './databases/with-database.ts'
import { bindLogs } from './executor/bind-logs.ts'
import { Dispatcher } from './executor/dispatcher.ts'
import { Executor } from './executor/executor.ts'
import type { LoadSettings, ReachDatabase } from './executor/ports.ts'
import { armFaultPoint } from './fault-points.ts'
import { createLog, type Log } from './log.ts'
import { LogStore } from './logs/log-store.ts'
import { readLog } from './logs/read-log.ts'
import { Metrics } from './metrics.ts'
import { ProjectDirectory } from './projects/project-directory.ts'
import { ProjectEvents } from './events/project-events.ts'
import { ProjectQueues } from './queues/project-queues.ts'
import { QueueReader } from './queues/queue-reader.ts'
import { Reconciler } from './reconcile/reconciler.ts'
import { Retention } from './runs/retention.ts'
import { createDirectoryEngine } from './runtime/fake/directory-engine.ts'
import { FakeDriver } from './runtime/fake/fake-driver.ts'
import type { FakeEngine } from './runtime/fake/fake-engine.ts'
import { MemoryEngine } from './runtime/fake/memory-engine.ts'
import { findRuntime } from './runtime/find-runtime.ts'
import type { RuntimeDriver } from './runtime/driver.ts'
import { createProcessDriver } from './runtime/process/process-driver.ts'
import { Scheduler } from './scheduler/scheduler.ts'
import { Membership } from './servers/membership.ts'
import { loadProjectSettings } from './settings/load.ts'
import { openSecretBox } from './settings/secret-key.ts'
import { rememberedEngine } from './start/engine-id.ts'
import { tellWaiting } from './runs/tell-waiting.ts'
import { OwnEngine } from './start/own-engine.ts'
import { ensureInstallation } from './start/first-start.ts'
import { isLoopback } from './start/is-loopback.ts'
import { listen } from './start/listen.ts'
import { openAlertQueue } from './start/open-alert-queue.ts'
import { openStore } from './start/open-store.ts'
import { assertPortFree } from './start/port-check.ts'
import { createReport } from './start/report.ts'
import { untilStopped } from './start/signals.ts'
import { StopStack } from './start/stop-stack.ts'
import { openListener } from './store/listen.ts'

/** The composition root: the only place that builds concrete classes. Reads from top to bottom as a start does. */

export interface RunningServer {
  readonly url: string
  /** Written on this start for the CLI of this machine; null when there was one already. */
  readonly newTokenFile: string | null
  /** Graceful and bounded: no new calls, no new work, what is in flight, the database. Safe to call twice. */
  stop(): Promise<void>
}

export interface StartOptions {
  readonly log?: Log
  readonly clock?: Clock
  /** Gives up a start that is under way. */
  readonly signal?: AbortSignal
}

/**
 * Starts a server in this process.
 *
 * @throws StartError, EmbeddedPostgresError: with a message and a hint for people. Nothing is left running then.
 */
export async function startServer(config: Config, options: StartOptions = {}): Promise<RunningServer> {
  const log = options.log ?? createLog(config)
  const stops = new StopStack(log)
  try {
    return await start(config, { ...options, log }, stops)
  } catch (error) {
    await stops.stop()
    throw error
  }
}

async function start(config: Config, options: StartOptions & { log: Log }, stops: StopStack): Promise<RunningServer> {
  const { log, clock = systemClock, signal = new AbortController().signal } = options
  if (config.faultPoint !== null) armFaultPoint(config.faultPoint)
  await assertPortFree(config.host, config.port)
  const base = await startBase(config, { log, clock, signal, stops })
  const work = await startWork(base)
  const url = await startApi(base, work)
  return { url, newTokenFile: base.newTokenFile, stop: () => stops.stop() }
}

/** What everything else is built upon: database, key, token, the connection for wake-ups. */
async function startBase(config: Config, parts: { log: Log; clock: Clock; signal: AbortSignal; stops: StopStack }) {
  const { log, stops } = parts
  const startedAt = new Date()
  const store = await openStore(config, parts)
  const { db } = store
  const embedded = store.kind === 'embedded'
  const installation = await ensureInstallation(db)
  const warn = (message: string): void => log.warn(message)
  const box = await openSecretBox(db, { home: config.home, fromConfig: config.secretKey, embedded, warn })
  const alertQueue = await openAlertQueue(store.url, stops)
  const newTokenFile = await ensureFirstToken(db, { home: config.home, embedded })
  const listener = await openListener(store.url, (err) => log.warn({ err }, 'the connection for wake-ups broke'))
  stops.push('listener', () => listener.close())
  const logs = new LogStore({ db, log, limits: { headBytes: config.logLimitBytes } })
  const metrics = new Metrics()
  const run = async (component: Component): Promise<void> => {
    stops.push(component.name, () => component.stop())
    await component.start()
  }
  return {
    ...parts,
    config,
    startedAt,
    store,
    db,
    installation,
    box,
    newTokenFile,
    listener,
    logs,
    metrics,
    alertQueue,
    run,
  }
}

type Base = Awaited<ReturnType<typeof startBase>>

/** What runs the work. Started from the bottom up, so that it is stopped from the top down: no new work first. */
async function startWork(base: Base) {
  const { config, clock, db, listener, log, logs, metrics, run, stops, store } = base
  const found = await findRuntime({
    ...config,
    signal: base.signal,
    remembered: await rememberedEngine(config.home),
    createProcessDriver: () => createProcessDriver({ home: config.home, log }),
    createFakeDriver: () => new FakeDriver(fakeEngine(config.fakeDir, clock)),
  })
  const { driver } = found
  stops.push('runtime', () => driver.close())
  log.info(`runtime ${driver.name}: ${found.why}`)
  if (found.warning !== null) log.warn(found.warning)

  const onAway = () => tellWaiting(db, 'it has not answered since the server started')
  const engine = new OwnEngine({ driver, home: config.home, clock, log, onAway })
  await run(engine)
  const databases = await startDatabases(base, driver)
  const membership = new Membership({
    url: store.url,
    db,
    clock,
    log,
    get engineId() {
      return engine.id
    },
    runtime: driver.name,
    alone: store.kind === 'embedded',
  })
  await run(membership)
  const shared = { db, listener, clock, log, serverId: membership.serverId }
  const withEngine = <T extends object>(deps: T) =>
    Object.defineProperty(deps, 'engineId', { get: () => engine.id }) as T & { readonly engineId: string }
  const executor = new Executor({
    ...shared,
    ...databases.forUnits,
    driver,
    installation: base.installation,
    maxRuns: config.maxRuns,
    engineKnown: () => engine.known,
    surelyOurs: () => membership.surelyOurs(),
    onEnded: (work) => metrics.noteEnd(work),
    collectLogs: bindLogs({ store: logs, driver, clock, log }),
  })
  await run(executor)
  membership.onGap(() => void executor.verifyFences().catch(sideTask(log)))
  const instances = await startInstances(base, { ...shared, ...databases, driver, engine, membership })
  const reconciler = { ...shared, driver, executor, instances, membership, installation: base.installation }
  await run(new Reconciler(withEngine(reconciler)))
  await run(new Dispatcher(withEngine({ ...shared, executor })))
  const scheduler = new Scheduler(withEngine({ ...shared, executor: metrics.watchTake(executor) }))
  await run(scheduler)
  await run(createAlerts(base))
  await run(new Retention({ db, clock, log }))
  await run(new IdempotencyPruner(db, clock, sideTask(log)))
  return { driver, engine, engineWarning: found.warning, membership, scheduler, databases: databases.databases }
}

/** The databases of projects, before anything runs that is given one. */
async function startDatabases({ box, clock, db, installation, log, run, store }: Base, driver: RuntimeDriver) {
  const embedded = store.kind === 'embedded' ? { host: '127.0.0.1', port: Number(new URL(store.url).port) } : null
  const databases = new ProjectDatabases({ db, box, clock, log, driver, installation, embedded })
  await run(databases)
  const loadSettings = withDatabase((...of) => loadProjectSettings(db, box, ...of), databases)
  const reachDatabase: ReachDatabase = async (project, account) => {
    const url = await databases.urlForUnits(project, account)
    return url === null ? { why: databases.unreachable(project.id) ?? 'the project is gone' } : { url }
  }
  return { databases, forUnits: { loadSettings, reachDatabase } }
}

/** Apps: their instances are carried out as runs are, by an executor of their own without a limit of slots. */
async function startInstances(
  base: Base,
  parts: {
    driver: RuntimeDriver
    engine: OwnEngine
    membership: Membership
    serverId: string
    forUnits: { loadSettings: LoadSettings; reachDatabase: ReachDatabase }
  },
) {
  const { clock, config, db, listener, log, run } = base
  const { driver, engine, membership, serverId, forUnits } = parts
  const store = new LogStore({ db, log, limits: { headBytes: Number.MAX_SAFE_INTEGER } })
  const executor = new Executor({
    name: 'executor of instances',
    ledger: instanceLedger(db, forUnits.loadSettings),
    db,
    driver,
    listener,
    clock,
    log,
    serverId,
    installation: base.installation,
    maxRuns: Number.MAX_SAFE_INTEGER,
    engineKnown: () => engine.known,
    surelyOurs: () => membership.surelyOurs(),
    collectLogs: collectInstanceLogs({ db, store, driver, clock, log, logKeepBytes: config.logLimitBytes }),
    ...forUnits,
  })
  await run(executor)
  membership.onGap(() => void executor.verifyFences().catch(sideTask(log)))
  await run(
    new AppController({
      db,
      driver,
      loadSettings: forUnits.loadSettings,
      listener,
      executor,
      membership,
      clock,
      log,
      logKeepBytes: config.logLimitBytes,
      get engineId() {
        return engine.id
      },
    }),
  )
  return executor
}

/** Two engines in memory are two engines, also when their servers share a database. */
function fakeEngine(fakeDir: string | null, clock: Clock): FakeEngine {
  if (fakeDir !== null) return createDirectoryEngine(fakeDir, clock)
  return new MemoryEngine({ clock, id: `fake-memory-${randomUUID()}` })
}

function createAlerts({ config, clock, db, box, listener, log, metrics, alertQueue }: Base): Component {
  const mail = config.smtpUrl === null ? null : { url: config.smtpUrl, from: config.smtpFrom ?? 'panda@localhost' }
  return new AlertDispatcher({
    db,
    listener,
    clock,
    log,
    box,
    queue: alertQueue,
    sender: createSender({ outbound: createOutbound(config.alertAllow), mail, now: Date.now }),
    lastLines: async (conn, runId, count) =>
      (await readLog(conn, runId, { tail: count })).items.map((line) => line.text),
    onOutcome: ({ kind, outcome }) => metrics.alertsSent.inc({ channel: kind, outcome }),
  })
}

async function startApi(base: Base, work: Awaited<ReturnType<typeof startWork>>): Promise<string> {
  const { config, clock, db, log, stops } = base
  const { databases } = work
  const givenDatabase = (projectId: string) => databases.urlForServer(projectId)
  const connections = { db, box: base.box, clock, givenDatabase, onError: sideTask(log) }
  const queues = new ProjectQueues(connections)
  await base.run(queues)
  const events = new ProjectEvents(connections)
  await base.run(events)
  const stopping = new AbortController()
  const api = await createApi({
    ...base,
    databases,
    queues,
    events,
    queueReader: new QueueReader({ queues, own: base.alertQueue, clock, onError: sideTask(log) }),
    ...createReport({
      ...work,
      db,
      clock,
      databaseKind: base.store.kind,
      databaseTrouble: base.store.trouble,
      startedAt: base.startedAt,
    }),
    exec: { driver: work.driver, engineId: () => work.engine.id, clock },
    usage: { driver: work.driver, engineId: () => work.engine.id, clock },
    databaseTrouble: base.store.trouble,
    authenticator: new Authenticator(db, clock, sideTask(log)),
    projects: new ProjectDirectory(db, clock),
    alertAllow: config.alertAllow,
    rateLimit: config.rateLimit,
    checkAnswers: config.checkAnswers,
    loopback: isLoopback(config.host),
    stopping: stopping.signal,
  })
  stops.push('api', () => closeApi(api, stopping))
  return listen(api, config, stops)
}

function sideTask(log: Log) {
  return (err: unknown): void => log.warn({ err }, 'a side task failed; it is tried again')
}

/**
 * `panda server`: starts, serves until SIGTERM or SIGINT, stops.
 *
 * @param overrides flags of the command; they win over the environment
 * @returns when everything has stopped
 * @throws StartError, EmbeddedPostgresError when it cannot start
 */
export async function runServer(overrides: Partial<Config> = {}): Promise<void> {
  const config = readConfig(overrides)
  const log = createLog(config)
  await untilStopped(log, async (signal) => {
    const server = await startServer(config, { log, signal })
    if (server.newTokenFile !== null) log.info(`wrote the first token to ${server.newTokenFile}`)
    log.info(`PandaStack is ready at ${server.url}`)
    return server
  })
}

export { type Config, readConfig } from './config.ts'
export { StartError } from './start/start-error.ts'
