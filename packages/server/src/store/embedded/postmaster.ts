import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readlink, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Binaries } from './binaries.ts'
import { type Cluster, serverEnvironment } from './cluster.ts'
import { codeOf, messageOf } from './embedded-error.ts'
import { logTail } from './log-file.ts'
import { readPostmasterPid } from './postmaster-pid.ts'
import { processIdentity } from './process-identity.ts'
import type { SystemUser } from './system-user.ts'

/** One running PostgreSQL main process, ours or left over from a server that was killed. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  /** Resolves with the reason when it is gone. Never rejects. */
  readonly exited: Promise<string>
  readonly exitReason: () => string | undefined
}

export interface LaunchOptions {
  readonly cluster: Cluster
  readonly binaries: Binaries
  readonly user: SystemUser | undefined
  readonly port: number
}

const adoptedPollMs = 200
const portKnownWithinMs = 10_000
const fastStopMs = 15_000
const immediateStopMs = 5_000

/** Starts `postgres`; it is not ready yet when this returns. Rejects when the program cannot be run at all. */
export async function launchPostmaster({ cluster, binaries, user, port }: LaunchOptions): Promise<Postmaster> {
  const logFrom = await sizeOf(cluster.logFile)
  // A file and not a pipe: the server outlives us when we are killed, and must be able to go on writing.
  const log = openSync(cluster.logFile, 'a', 0o600)
  try {
    const child = spawn(binaries.postgres, ['-D', cluster.data, ...settings(port)], {
      cwd: '/',
      env: serverEnvironment(binaries),
      stdio: ['ignore', log, log],
      // A group of its own: Ctrl-C in the terminal must reach it through our orderly stop only.
      detached: true,
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    })
    let reason: string | undefined
    const exited = new Promise<string>((resolve) => {
      const end = (why: string) => {
        reason ??= why
        resolve(reason)
      }
      child.once('error', (error) => end(`postgres could not be run: ${messageOf(error)}`))
      child.once('exit', (code, signal) => {
        const what = `postgres ended with ${signal ?? `exit code ${code}`}`
        // A refusal says why in the log; somebody's signal does not.
        if (code === 0 || code === null) return end(what)
        logTail(cluster.logFile, logFrom).then(
          (tail) => end(`${what}:\n${tail}`),
          (error: unknown) => end(`${what} (${messageOf(error)})`),
        )
      })
    })
    child.unref()
    if (child.pid === undefined) throw new Error(await exited)
    return { pid: child.pid, port, exited, exitReason: () => reason }
  } finally {
    closeSync(log)
  }
}

function settings(port: number): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    // TCP with a password is the only way in.
    unix_socket_directories: '',
    max_connections: '300',
    // Projects' databases are in here too: however many connections those take, the platform gets its own.
    superuser_reserved_connections: '50',
    cluster_name: 'pandastack',
    timezone: 'UTC',
    log_timezone: 'UTC',
  }
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/**
 * The PostgreSQL that a killed server of this home has left running, if there is one. A lock file whose pid now belongs
 * to another program is removed: PostgreSQL would take that program for itself and refuse to start.
 */
export async function findRunningPostmaster(
  cluster: Cluster,
  log: (line: string) => void,
): Promise<Postmaster | undefined> {
  const giveUpAt = performance.now() + portKnownWithinMs
  for (;;) {
    const found = await readPostmasterPid(cluster.data)
    const identity = found === undefined ? undefined : processIdentity(found.pid)
    if (found === undefined || identity === undefined) return undefined
    if (!(await worksIn(found.pid, cluster.data))) {
      log(`removing a stale postmaster.pid: pid ${found.pid} is another program`)
      await rm(join(cluster.data, 'postmaster.pid'), { force: true })
      return undefined
    }
    if (found.port !== undefined) return adopted(found.pid, found.port, identity)
    if (performance.now() > giveUpAt) return undefined
    await delay(adoptedPollMs)
  }
}

/** PostgreSQL's processes work in the data folder. Where that cannot be seen (not Linux), a live pid is believed. */
async function worksIn(pid: number, data: string): Promise<boolean> {
  if (process.platform !== 'linux') return true
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === data
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return false
    throw error
  }
}

function adopted(pid: number, port: number, identity: string): Postmaster {
  let reason: string | undefined
  const exited = new Promise<string>((resolve) => {
    // Not our child, so nobody tells us of its end.
    const poll = setInterval(() => {
      if (processIdentity(pid) === identity) return
      clearInterval(poll)
      reason = 'postgres has ended'
      resolve(reason)
    }, adoptedPollMs)
    poll.unref()
  })
  return { pid, port, exited, exitReason: () => reason }
}

/** Fast shutdown (SIGINT), after 15 s the immediate one (SIGQUIT), after 5 s more SIGKILL. */
export async function stopPostmaster(postmaster: Postmaster, log: (line: string) => void): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', immediateStopMs],
    ['SIGKILL', immediateStopMs],
  ]
  for (const [signal, waitMs] of steps) {
    if (postmaster.exitReason() !== undefined) return
    if (signal !== 'SIGINT') log(`the embedded PostgreSQL is still running, sending ${signal}`)
    signalProcess(postmaster.pid, signal)
    if (await exitedWithin(postmaster, waitMs)) return
  }
  throw new Error(`the embedded PostgreSQL (pid ${postmaster.pid}) cannot be stopped`)
}

export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error
  }
}

async function exitedWithin(postmaster: Postmaster, waitMs: number): Promise<boolean> {
  const timer = new AbortController()
  const tooLong = delay(waitMs, false, { signal: timer.signal }).catch(() => false)
  const result = await Promise.race([postmaster.exited.then(() => true), tooLong])
  timer.abort()
  return result
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}
