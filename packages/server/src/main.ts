import { createApi } from './api/server.ts'
import { IdempotencyPruner } from './api/idempotency-pruner.ts'
import { Authenticator } from './auth/authenticator.ts'
import { ensureFirstToken } from './auth/first-token.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Component } from './component.ts'
import { type Config, readConfig } from './config.ts'
import { armFaultPoint } from './fault-points.ts'
import { createLog, type Log } from './log.ts'
import { Metrics } from './metrics.ts'
import { ProjectDirectory } from './projects/project-directory.ts'
import { openSecretBox } from './settings/secret-key.ts'
import { ensureInstallation } from './start/first-start.ts'
import { listen } from './start/listen.ts'
import { openStore } from './start/open-store.ts'
import { assertPortFree } from './start/port-check.ts'
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
  const { db, url: databaseUrl, kind } = await openStore(config, { clock, log, stops, signal })
  const embedded = kind === 'embedded'
  await ensureInstallation(db)
  const warn = (message: string): void => log.warn(message)
  const box = await openSecretBox(db, { home: config.home, fromConfig: config.secretKey, embedded, warn })
  const newTokenFile = await ensureFirstToken(db, { home: config.home, embedded })
  const listener = await openListener(databaseUrl, (error) =>
    log.warn({ err: error }, 'the listening connection broke'),
  )
  stops.push('listener', () => listener.close())
  const onError = (error: unknown): void => log.warn({ err: error }, 'a side task failed')
  const metrics = new Metrics()

  const run = async (component: Component): Promise<void> => {
    stops.push(component.name, () => component.stop())
    await component.start()
  }
  await run(new IdempotencyPruner(db, clock, onError))

  const stopping = new AbortController()
  const api = await createApi({
    db,
    listener,
    clock,
    log,
    box,
    authenticator: new Authenticator(db, clock, onError),
    projects: new ProjectDirectory(db, clock),
    metrics,
    readiness: () => Promise.reject(new Error('later')),
    status: () => Promise.reject(new Error('later')),
    rateLimit: config.rateLimit,
    loopback: isLoopback(config.host),
    stopping: stopping.signal,
  })
  stops.push('api', async () => {
    stopping.abort()
    await api.close()
  })
  const url = await listen(api, config, stops)
  return { url, newTokenFile, stop: () => stops.stop() }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
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
