import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from './embedded-error.ts'
import { rotateLog } from './log-file.ts'
import { type Postmaster, signalProcess, stopPostmaster } from './postmaster.ts'

export interface SupervisorOptions {
  readonly first: Postmaster
  /** Starts it again on the same port; resolves when it is ready. */
  readonly restart: (signal: AbortSignal) => Promise<Postmaster>
  readonly logFile: string
  readonly log: (line: string) => void
  readonly onExit: (reason: string) => void
  /** Before the n-th restart in a row. Default: 50 ms, doubling up to 5 s. */
  readonly delayMs?: (accidents: number) => number
}

export interface Supervisor {
  readonly pid: number
  stop(): Promise<void>
}

const firstDelayMs = 50
const longestDelayMs = 5_000
/** After so many accidents in a row somebody has to be told that it does not heal by itself. */
const manyAccidents = 12
/** After this long without an accident the next one counts as the first. */
const healthyMs = 60_000
const rotateEveryMs = 60_000

/**
 * Keeps PostgreSQL running: an unexpected end is reported through `onExit` and followed by a restart after 50 ms, 100 ms,
 * … 5 s. It never gives up: what keeps PostgreSQL down (a full disk) may be put right hours later. After 12 accidents in a
 * row, each within a minute of the last, `onExit` hears that too.
 */
export function supervise(options: SupervisorOptions): Supervisor {
  const stopping = new AbortController()
  let current = options.first
  // Last resort when the process ends without stop(), by process.exit or an uncaught error. SIGKILL is not seen by anyone.
  const onProcessExit = () => signalProcess(current.pid, 'SIGINT')
  process.once('exit', onProcessExit)
  const rotation = setInterval(() => {
    rotateLog(options.logFile).catch((error: unknown) =>
      options.log(`cannot rotate ${options.logFile}: ${messageOf(error)}`),
    )
  }, rotateEveryMs)
  rotation.unref()

  const watching = watch(options, stopping.signal, (next) => {
    current = next
  })
  let stopped: Promise<void> | undefined
  const stopOnce = async () => {
    stopping.abort()
    clearInterval(rotation)
    await watching
    await stopPostmaster(current, options.log)
    process.removeListener('exit', onProcessExit)
  }
  return {
    get pid() {
      return current.pid
    },
    stop: async () => (stopped ??= stopOnce()),
  }
}

async function watch(
  options: SupervisorOptions,
  stopping: AbortSignal,
  use: (next: Postmaster) => void,
): Promise<void> {
  const told = new Promise<undefined>((resolve) =>
    stopping.addEventListener('abort', () => resolve(undefined), { once: true }),
  )
  let current: Postmaster | undefined = options.first
  let readyAt = performance.now()
  let accidents = 0
  for (;;) {
    if (current !== undefined) {
      const reason = await Promise.race([current.exited, told])
      if (reason === undefined || stopping.aborted) return
      if (performance.now() - readyAt > healthyMs) accidents = 0
      report(options, `the embedded PostgreSQL ended unexpectedly: ${reason}`)
    }
    accidents += 1
    if (accidents === manyAccidents) {
      report(
        options,
        `the embedded PostgreSQL ended ${manyAccidents} times in a row; it is started again every few seconds`,
      )
    }
    current = await restartAfterDelay(options, accidents, stopping)
    if (current !== undefined) {
      use(current)
      readyAt = performance.now()
    }
    if (stopping.aborted) return
  }
}

async function restartAfterDelay(
  options: SupervisorOptions,
  accidents: number,
  stopping: AbortSignal,
): Promise<Postmaster | undefined> {
  try {
    await delay((options.delayMs ?? defaultDelayMs)(accidents), undefined, { signal: stopping })
    const next = await options.restart(stopping)
    options.log(`the embedded PostgreSQL runs again with pid ${next.pid}`)
    return next
  } catch (error) {
    if (!stopping.aborted) options.log(`restart ${accidents} failed: ${messageOf(error)}`)
    return undefined
  }
}

function defaultDelayMs(accidents: number): number {
  return Math.min(longestDelayMs, firstDelayMs * 2 ** (accidents - 1))
}

function report(options: SupervisorOptions, reason: string): void {
  options.log(reason)
  options.onExit(reason)
}
