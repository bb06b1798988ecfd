import { setMaxListeners } from 'node:events'
import { AddLane } from './add-lane.ts'
import type { Clock } from './clock.ts'
import type { Added, NewJob, QueueDriver, StoreProblem } from './driver.ts'
import { FinishWatch } from './finish-watch.ts'
import { Leases } from './leases.ts'
import type { LeaseOptions } from './leases.ts'
import { Rounds } from './rounds.ts'
import { SignalHub } from './signal-hub.ts'
import { patiently } from './store-call.ts'
import { judgeProblems } from './store-problems.ts'
import type { StoreKind } from './store-url.ts'

export interface Patience {
  /** When the waiting began, by the clock's `now`. Default: now. */
  readonly since?: number
  readonly patienceMs?: number
}

export interface StoreOptions {
  readonly open: () => Promise<QueueDriver>
  readonly clock: Clock
  readonly lease: LeaseOptions
  /** How long calls wait for a store that is away, in ms. */
  readonly patienceMs: number
  readonly allowUnsafe: boolean
  /** The driver is somebody else's: it is not closed. */
  readonly borrowed: boolean
  readonly kind: StoreKind
}

/** One store as used by this process: its driver, opened and checked once, and what all queues on it share. */
export class Store {
  readonly clock: Clock
  readonly leaseMs: number
  readonly kind: StoreKind
  problems: readonly StoreProblem[] = []
  readonly #options: StoreOptions
  readonly #closing = new AbortController()
  readonly #adds = new Map<string, AddLane>()
  #opened: Promise<QueueDriver> | null = null
  #ready: Parts | null = null
  #users = 0

  constructor(options: StoreOptions) {
    this.#options = options
    this.clock = options.clock
    this.leaseMs = options.lease.leaseMs
    this.kind = options.kind
    // Every call under way listens to it: many at a time are no leak.
    setMaxListeners(0, this.#closing.signal)
  }

  use(): this {
    this.#users += 1
    return this
  }

  /** True when one user is left. */
  get last(): boolean {
    return this.#users === 1
  }

  /** Closes all when that was the last user. */
  async release(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    await Promise.all([...this.#adds.values()].map((lane) => lane.settled()))
    this.#closing.abort()
    const driver = await this.#opened?.catch(() => null)
    await this.#ready?.leases.close()
    this.#ready?.hub.close()
    if (!this.#options.borrowed) await driver?.close()
  }

  /** The driver and what is built on it. @throws PandaError as `check` of the driver does, and unsafe_store */
  async parts(signal?: AbortSignal): Promise<Parts> {
    if (this.#ready !== null) return this.#ready
    const driver = await this.#open(signal)
    this.#ready ??= this.#build(driver)
    return this.#ready
  }

  /** Calls the store, patiently. @param what for messages, e.g. `add to queue "uploads"` */
  call<T>(
    what: string,
    call: (driver: QueueDriver, signal: AbortSignal) => Promise<T>,
    { since = this.clock.now(), patienceMs = this.#options.patienceMs }: Patience = {},
  ): Promise<T> {
    const deadline = since + patienceMs
    return patiently(async (signal) => call((await this.parts(signal)).driver, signal), {
      clock: this.clock,
      what,
      deadline,
      signal: this.#closing.signal,
    })
  }

  add(queue: string, job: NewJob): Promise<Added> {
    let lane = this.#adds.get(queue)
    if (lane === undefined) {
      const what = `add to queue "${queue}"`
      lane = new AddLane(
        (jobs, since) => this.call(what, (driver, signal) => driver.add(queue, jobs, signal), { since }),
        () => this.clock.now(),
        // Redis gets all on one connection, in order. PostgreSQL would on two, and the smaller batch would be first.
        this.kind === 'postgres' ? 1 : 2,
      )
      this.#adds.set(queue, lane)
    }
    return lane.add(job)
  }

  /** Opens once; a failure is forgotten, so that the next call tries again. */
  #open(signal: AbortSignal | undefined): Promise<QueueDriver> {
    this.#opened ??= this.#openAndCheck(signal).catch((error: unknown) => {
      this.#opened = null
      throw error
    })
    return this.#opened
  }

  async #openAndCheck(signal: AbortSignal | undefined): Promise<QueueDriver> {
    const driver = await this.#options.open()
    try {
      this.problems = await driver.check(signal)
      judgeProblems(this.problems, this.#options.allowUnsafe)
      return driver
    } catch (error) {
      if (!this.#options.borrowed) await driver.close().catch((failure: unknown) => this.#warn(failure))
      throw error
    }
  }

  #warn(problem: unknown): void {
    process.emitWarning(problem instanceof Error ? problem.message : String(problem), 'PandaWarning')
  }

  #build(driver: QueueDriver): Parts {
    const hub = new SignalHub((queues, onSignal) => driver.listen(queues, onSignal))
    const leases = new Leases(driver, this.#options.lease, this.clock)
    return {
      driver,
      hub,
      leases,
      finish: new FinishWatch(driver, hub, this.clock),
      rounds: new Rounds(driver, this.clock),
    }
  }
}

export interface Parts {
  readonly driver: QueueDriver
  readonly hub: SignalHub
  readonly leases: Leases
  readonly finish: FinishWatch
  readonly rounds: Rounds
}
