import { Worker } from 'node:worker_threads'
import type { KeeperPlan } from './driver.ts'
import type { FromThread, ThreadData, ToThread } from './lease-thread.ts'
import type { HeldQueues, LeaseTimes, Renewal, RenewLoop } from './renew-loop.ts'

const PULSE_MS = 1000
/** The thread has not counted for so many pulses of this one: it hangs, and is replaced well within a lease. */
const SILENT_PULSES = 5
/** A thread that has ended by itself is started again: after a second, then after twice the time, up to a minute. */
const RESTART_MS = 1000
const LONGEST_RESTART_MS = 60_000
/** At a stop the thread may be waiting for a store that is away. */
const STOP_MS = 2000

/** Who renews: the lease thread, or a loop in the main thread. */
export interface Renewer {
  set(held: readonly HeldQueues[]): Promise<void>
  stop(): Promise<void>
}

export interface ThreadHostParts {
  readonly plan: KeeperPlan
  readonly times: LeaseTimes
  /** When this thread has been silent for so long, its leases are let go. */
  readonly maxBlockMs: number
  readonly report: (renewal: Renewal) => void
  /** Renews from the main thread while the other one does not. */
  readonly standIn: RenewLoop
  /** Default: a worker thread. */
  readonly start?: (data: ThreadData) => Worker
  /** How often both threads show that they are alive. Default 1 s. */
  readonly pulseMs?: number
}

/**
 * The lease thread as seen by the main one: starts it, tells it what is held, starts it again if it ends or hangs. While
 * there is none that answers (a bundle has left out its file, its store's client cannot be loaded there), the main thread renews.
 */
export class ThreadHost implements Renewer {
  #thread: Worker | null = null
  /** It has answered: it renews. */
  #isUp = false
  #held: readonly HeldQueues[] = []
  #round = 0
  #stopped = false
  #warned = false
  #restartMs = RESTART_MS
  #restart: NodeJS.Timeout | undefined
  readonly #waiting = new Map<number, () => void>()
  readonly #pulse = new BigInt64Array(new SharedArrayBuffer(16))
  #seen = 0n
  #silent = 0
  readonly #beat: NodeJS.Timeout
  readonly #parts: ThreadHostParts

  constructor(parts: ThreadHostParts) {
    this.#parts = parts
    Atomics.store(this.#pulse, 0, BigInt(Date.now()))
    this.#beat = setInterval(() => this.#look(), parts.pulseMs ?? PULSE_MS).unref()
    this.#start()
  }

  async set(held: readonly HeldQueues[]): Promise<void> {
    this.#held = held
    await Promise.all([this.#tell(), this.#isUp ? undefined : this.#parts.standIn.set(held)])
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#beat)
    clearTimeout(this.#restart)
    await Promise.all([this.#stopThread(), this.#parts.standIn.stop()])
  }

  async #stopThread(): Promise<void> {
    const thread = this.#thread
    if (thread === null) return
    const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
    this.#post({ kind: 'stop' })
    const patience = setTimeout(() => void thread.terminate(), STOP_MS)
    await ended
    clearTimeout(patience)
  }

  #start(): void {
    const { plan, times, maxBlockMs, pulseMs = PULSE_MS, start = startThread } = this.#parts
    try {
      const thread = start({ plan, times, pulse: this.#pulse.buffer, pulseMs, maxBlockMs })
      thread.unref()
      thread.on('message', (message: FromThread) => this.#receive(message))
      thread.on('error', (error) => this.#warn(error))
      // One that was given up may end much later.
      thread.once('exit', () => (this.#thread === thread ? this.#ended() : undefined))
      this.#thread = thread
    } catch (error) {
      this.#warn(error)
      return this.#ended()
    }
    if (this.#held.length > 0) void this.#tell()
  }

  /**
   * By pulses and not by time: after this thread was stopped or blocked itself, the other one gets as many again. That a
   * renewal waits for a store that is away is no silence.
   */
  #look(): void {
    Atomics.store(this.#pulse, 0, BigInt(Date.now()))
    const count = Atomics.load(this.#pulse, 1)
    this.#silent = !this.#isUp || count !== this.#seen ? 0 : this.#silent + 1
    this.#seen = count
    const thread = this.#thread
    if (this.#silent < SILENT_PULSES || thread === null || this.#stopped) return
    process.emitWarning(
      'The thread that renews leases hangs: it is ended and started again, and the main thread renews them meanwhile.',
      'PandaWarning',
    )
    // Not waited for: a thread that hangs in native code may never end.
    void thread.terminate()
    this.#ended()
  }

  #ended(): void {
    this.#thread = null
    this.#silent = 0
    this.#isUp = false
    for (const resolve of this.#waiting.values()) resolve()
    this.#waiting.clear()
    if (this.#stopped) return
    // At once: nobody knows when the thread has renewed for the last time.
    void this.#parts.standIn.set(this.#held, 0)
    this.#restart = setTimeout(() => this.#start(), this.#restartMs).unref()
    this.#restartMs = Math.min(2 * this.#restartMs, LONGEST_RESTART_MS)
  }

  #tell(): Promise<void> {
    if (this.#thread === null || this.#stopped) return Promise.resolve()
    this.#round += 1
    const round = this.#round
    this.#post({ kind: 'set', round, held: this.#held })
    return new Promise((resolve) => this.#waiting.set(round, resolve))
  }

  #post(message: ToThread): void {
    this.#thread?.postMessage(message)
  }

  #receive(message: FromThread): void {
    if (message.kind === 'renewal') return this.#parts.report(message.renewal)
    this.#waiting.get(message.round)?.()
    this.#waiting.delete(message.round)
    if (this.#isUp || this.#stopped) return
    this.#isUp = true
    void this.#parts.standIn.set([])
  }

  #warn(error: unknown): void {
    if (this.#warned || this.#stopped) return
    this.#warned = true
    warnOfNoThread(error, this.#parts.times.leaseMs)
  }
}

/** Says what is wrong, what it means and what to do. */
export function warnOfNoThread(error: unknown, leaseMs: number): void {
  process.emitWarning(
    `The thread that renews leases does not run: ${error instanceof Error ? error.message : String(error)}. ` +
      'The main thread renews them instead: a handler that blocks the event loop for longer than the lease ' +
      `(${leaseMs} ms) loses its jobs to another worker. If this application is bundled, keep @pandastack/sdk out of ` +
      'the bundle (external), since the thread is a file beside its own.',
    'PandaWarning',
  )
}

/** Built code runs as it is; from the source (tests of this repository) the thread first needs a loader for TypeScript. */
function startThread(workerData: ThreadData): Worker {
  const options = { workerData, name: 'panda-leases', execArgv: [] }
  // A bundle in CommonJS has no `import.meta.url`: that throws here.
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./lease-thread.js', import.meta.url), options)
  const entry = JSON.stringify(new URL('./lease-thread.ts', import.meta.url).href)
  const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}) })`
  return new Worker(code, { ...options, eval: true })
}
