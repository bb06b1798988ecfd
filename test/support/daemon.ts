import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { logTail } from '../../packages/server/src/store/embedded/log-file.ts'

/** A long-running program of the tests, stopped by pid. */
export interface Daemon {
  readonly pid: number
  readonly hasExited: () => boolean
  /** Resolves when it is gone. */
  signal(signal: NodeJS.Signals): Promise<void>
  /** SIGTERM, after `graceMs` (10 s) SIGKILL. */
  stop(graceMs?: number): Promise<void>
}

export interface DaemonOptions {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly logFile: string
  /** Asked until it is true. */
  readonly ready: () => Promise<boolean>
  /** Default 60 s. */
  readonly readyLimitMs?: number
}

const pollMs = 20

/** Starts the program and waits until it is ready; fails with the end of its log. Ends with this process at the latest. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const log = openSync(options.logFile, 'a')
  const child = spawn(options.program, options.args, {
    stdio: ['ignore', log, log],
    detached: true,
    ...(options.env === undefined ? {} : { env: options.env }),
  })
  closeSync(log)
  let gone = false
  const exited = new Promise<void>((resolve) => {
    const end = () => {
      gone = true
      process.removeListener('exit', onProcessExit)
      resolve()
    }
    child.once('exit', end)
    child.once('error', end)
  })
  const onProcessExit = () => child.kill('SIGTERM')
  process.once('exit', onProcessExit)
  child.unref()
  const daemon: Daemon = {
    pid: child.pid ?? 0,
    hasExited: () => gone,
    signal: async (signal) => {
      child.kill(signal)
      await exited
    },
    stop: async (graceMs = 10_000) => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await exited
      clearTimeout(timer)
    },
  }
  try {
    await untilReady(options, daemon)
  } catch (error) {
    await daemon.stop()
    throw error
  }
  return daemon
}

async function untilReady(options: DaemonOptions, daemon: Daemon): Promise<void> {
  const limitMs = options.readyLimitMs ?? 60_000
  const startedAt = performance.now()
  while (!(await options.ready())) {
    const tooLate = performance.now() - startedAt > limitMs
    if (daemon.hasExited() || tooLate) {
      const what = tooLate ? `is not ready after ${limitMs} ms` : 'has ended'
      throw new Error(`${options.program} ${what}:\n${await logTail(options.logFile)}`)
    }
    await delay(pollMs)
  }
}
