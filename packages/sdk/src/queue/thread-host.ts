import { Worker } from 'node:worker_threads'
import type { KeeperPlan } from './driver.ts'
import type { FromThread, ThreadData, ToThread } from './lease-thread.ts'
import type { HeldQueues, LeaseTimes, Renewal } from './renew-loop.ts'

const PULSE_MS = 1000
/** A thread that ends by itself is started again after this time. */
const RESTART_MS = 1000
/** At a stop the thread may be waiting for a store that is away. */
const STOP_MS = 2000

/** Who renews: the lease thread, or a loop in the main thread. */
export interface Renewer {
  set(held: readonly HeldQueues[]): Promise<void>
  stop(): Promise<void>
}

/** The lease thread as seen by the main one: starts it, tells it what is held, starts it again if it ends. */
export class ThreadHost implements Renewer {
  #thread: Worker | null = null
  #held: readonly HeldQueues[] = []
  #round = 0
  #stopped = false
  readonly #waiting = new Map<number, () => void>()
  readonly #pulse = new BigInt64Array(new SharedArrayBuffer(8))
  readonly #beat: NodeJS.Timeout
  readonly #plan: KeeperPlan
  readonly #times: LeaseTimes
  readonly #maxBlockMs: number
  readonly #report: (renewal: Renewal) => void

  constructor(plan: KeeperPlan, times: LeaseTimes, maxBlockMs: number, report: (renewal: Renewal) => void) {
    this.#plan = plan
    this.#times = times
    this.#maxBlockMs = maxBlockMs
    this.#report = report
    const beat = (): void => void Atomics.store(this.#pulse, 0, BigInt(Date.now()))
    beat()
    this.#beat = setInterval(beat, PULSE_MS).unref()
    this.#start()
  }

  set(held: readonly HeldQueues[]): Promise<void> {
    this.#held = held
    return this.#tell()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#beat)
    const thread = this.#thread
    if (thread === null) return
    const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
    this.#post({ kind: 'stop' })
    const patience = setTimeout(() => void thread.terminate(), STOP_MS)
    await ended
    clearTimeout(patience)
  }

  #start(): void {
    const pulse = this.#pulse.buffer
    const data: ThreadData = { plan: this.#plan, times: this.#times, pulse, maxBlockMs: this.#maxBlockMs }
    const thread = startThread(data)
    thread.unref()
    thread.on('message', (message: FromThread) => this.#receive(message))
    thread.on('error', (error) =>
      process.emitWarning(`the thread that renews leases failed: ${error.message}`, 'PandaWarning'),
    )
    thread.once('exit', () => this.#ended())
    this.#thread = thread
    if (this.#held.length > 0) void this.#tell()
  }

  #ended(): void {
    this.#thread = null
    for (const resolve of this.#waiting.values()) resolve()
    this.#waiting.clear()
    if (!this.#stopped) setTimeout(() => this.#stopped || this.#start(), RESTART_MS).unref()
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
    if (message.kind === 'renewal') return this.#report(message.renewal)
    this.#waiting.get(message.round)?.()
    this.#waiting.delete(message.round)
  }
}

/** Built code runs as it is; from the source (tests of this repository) the thread first needs a loader for TypeScript. */
function startThread(workerData: ThreadData): Worker {
  const options = { workerData, name: 'panda-leases', execArgv: [] }
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./lease-thread.js', import.meta.url), options)
  const entry = JSON.stringify(new URL('./lease-thread.ts', import.meta.url).href)
  const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}) })`
  return new Worker(code, { ...options, eval: true })
}
