import { mkdir, realpath } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { findNativePackage, prepareBinaries } from './binaries.ts'
import { createCluster, findCluster, openCluster, superuser } from './cluster.ts'
import { EmbeddedPostgresError, messageOf } from './embedded-error.ts'
import { freePort } from './free-port.ts'
import { lockHome } from './home-lock.ts'
import { rotateLog } from './log-file.ts'
import {
  findRunningPostmaster,
  launchPostmaster,
  type LaunchOptions,
  type Postmaster,
  stopPostmaster,
} from './postmaster.ts'
import { waitUntilReady, withClient } from './ready.ts'
import { supervise } from './supervisor.ts'
import { chooseSystemUser } from './system-user.ts'

export interface EmbeddedPostgres {
  /** Connection string of the database `panda`, with the password. Stays the same until stop, restarts included. */
  readonly url: string
  readonly port: number
  /** Of the server running now; changes when it had to be restarted. */
  readonly pid: number
  /** Fast shutdown; no process is left when it resolves. May be called again. */
  stop(): Promise<void>
}

export interface StartOptions {
  /** The panda home; made if it is not there. */
  readonly home: string
  readonly log: (line: string) => void
  /** Told of every unexpected end of the server, and when it is given up. */
  readonly onExit?: (reason: string) => void
  /** Ends the start. No effect once started. */
  readonly signal?: AbortSignal
  /** Default: a free port of 127.0.0.1, another one for each of up to 5 tries. */
  readonly pickPort?: () => Promise<number>
}

const startTries = 5
const databaseName = 'panda'

/**
 * Starts the PostgreSQL that comes with PandaStack, on loopback only, with its data in `<home>/postgres`.
 *
 * It is a process of its own. Stopped by `stop`, and by the end of this process except by SIGKILL: then it goes on
 * running until the next start in the same home, which adopts it (or until its pid, the first line of
 * `<home>/postgres/data/postmaster.pid`, is sent SIGINT).
 *
 * @throws EmbeddedPostgresError, see its codes; `home_in_use` when another living server has this home
 */
export async function startEmbeddedPostgres(options: StartOptions): Promise<EmbeddedPostgres> {
  // Root's server shares the path with the user PostgreSQL runs as; what must be secret in the home is 0600 itself.
  await mkdir(options.home, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 })
  const home = await realpath(options.home)
  const lock = await lockHome(home, options.log)
  try {
    const started = await startInHome({ ...options, home })
    return {
      url: started.url,
      port: started.port,
      get pid() {
        return started.supervisor.pid
      },
      stop: async () => {
        await started.supervisor.stop()
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function startInHome(options: StartOptions) {
  const { home, log, signal } = options
  const startedAt = performance.now()
  const existing = await findCluster(home)
  const user = await chooseSystemUser(existing, log)
  const binaries = await prepareBinaries(await findNativePackage(), { home, user, log })
  const root = existing ?? (await createCluster({ home, binaries, user, log, signal }))
  const cluster = await openCluster(home, root, binaries)
  await rotateLog(cluster.logFile)

  const urlFor = (port: number, database: string) =>
    `postgres://${superuser}:${cluster.password}@127.0.0.1:${port}/${database}`
  const ready = { url: (port: number) => urlFor(port, 'postgres'), data: cluster.data, signal, log }
  const running = await findRunningPostmaster(cluster, log)
  const adopted = running === undefined ? undefined : await adopt(running, ready)
  const first = adopted ?? (await launchOnFreePort({ cluster, binaries, user }, options.pickPort ?? freePort, ready))
  try {
    await ensureDatabase(ready.url(first.port))
    signal?.throwIfAborted()
  } catch (error) {
    await stopPostmaster(first, log)
    throw error
  }
  const how = adopted === undefined ? (existing === undefined ? 'made and started' : 'started') : 'adopted'
  log(
    `embedded PostgreSQL ${how} in ${Math.round(performance.now() - startedAt)} ms, port ${first.port}, pid ${first.pid}`,
  )
  const restart = async (stopping: AbortSignal) =>
    launchReady({ cluster, binaries, user, port: first.port }, { ...ready, signal: stopping })
  const { logFile } = cluster
  const supervisor = supervise({ first, restart, logFile, log, onExit: options.onExit ?? (() => undefined) })
  return { url: urlFor(first.port, databaseName), port: first.port, supervisor }
}

interface Ready {
  readonly url: (port: number) => string
  readonly data: string
  readonly signal: AbortSignal | undefined
  readonly log: (line: string) => void
}

/** `undefined` when it ended while we were looking (it was on its way down). */
async function adopt(running: Postmaster, ready: Ready): Promise<Postmaster | undefined> {
  ready.log(`adopting the PostgreSQL with pid ${running.pid} that an earlier server has left running`)
  try {
    const { dataDirectory } = await waitUntilReady(ready.url(running.port), {
      postmaster: running,
      signal: ready.signal,
    })
    if (dataDirectory === ready.data) return running
  } catch (error) {
    if (running.exitReason() !== undefined) return undefined
    throw error
  }
  throw new EmbeddedPostgresError(
    'start_failed',
    `pid ${running.pid} serves another data folder on port ${running.port}`,
    {
      hint: `Stop it (kill -INT ${running.pid}) and start again.`,
      pid: running.pid,
    },
  )
}

async function launchOnFreePort(
  parts: Omit<LaunchOptions, 'port'>,
  pickPort: () => Promise<number>,
  ready: Ready,
): Promise<Postmaster> {
  for (let attempt = 1; ; attempt++) {
    const port = await pickPort()
    try {
      return await launchReady({ ...parts, port }, ready)
    } catch (error) {
      // Somebody took the port in between, or processes of a killed server are still on their way out.
      if (attempt === startTries || ready.signal?.aborted === true) throw error
      ready.log(`start ${attempt} of ${startTries} on port ${port} failed: ${messageOf(error)}`)
      await delay(100 * attempt, undefined, { signal: ready.signal })
    }
  }
}

async function launchReady(launch: LaunchOptions, ready: Ready): Promise<Postmaster> {
  const postmaster = await launchPostmaster(launch)
  try {
    await waitUntilReady(ready.url(launch.port), { postmaster, signal: ready.signal })
    return postmaster
  } catch (error) {
    await stopPostmaster(postmaster, ready.log)
    throw error
  }
}

async function ensureDatabase(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [databaseName])
    if (rowCount === 0) await client.query(`create database ${databaseName}`)
  })
}
