import { durationMs } from '../duration.ts'
import { defaultGraceMs } from '../lifecycle/default-grace.ts'
import { ToldWorker } from '../lifecycle/told-worker.ts'
import type { Duration } from '../duration.ts'
import { pause } from './clock.ts'
import { Consumer } from './consumer.ts'
import type { Signal } from './driver.ts'
import type { Plan } from './handler.ts'
import type { Hold, LeaseNews } from './leases.ts'
import type { Counters } from './metrics.ts'
import type { OutcomeRules } from './outcome.ts'
import { processQuarantine } from './quarantine.ts'
import type { Run } from './runs.ts'
import type { Parts, Store } from './store.ts'
import { isAway, FIRST_PAUSE_MS, MAX_PAUSE_MS } from './store-call.ts'
import { Upkeep } from './upkeep.ts'

/** After the grace, for the last results and for giving back the lease. */
const LAST_WORDS_MS = 5_000

export interface WorkerParts {
  readonly queue: string
  readonly store: Store
  readonly plan: Plan
  readonly counters: Counters
  readonly rules: OutcomeRules
  readonly check: ((data: unknown) => Promise<unknown>) | null
  readonly makeRun: () => Promise<Run>
}

export interface CloseOptions {
  /** How long running handlers may go on. Default 30 s; in an instance of an app what its drain time leaves. */
  readonly grace?: Duration
}

/** One consumer of one queue with its lease, its signals and its upkeep: from `process` to `close`. */
export class Worker {
  /** Resolves when it takes jobs; rejects when it never will (wrong password, unsafe store …). */
  readonly started: Promise<void>
  consumer: Consumer | null = null
  lastLeaseAt = Number.NEGATIVE_INFINITY
  readonly #parts: WorkerParts
  readonly #closing = new AbortController()
  readonly #told: ToldWorker
  #hold: Hold | null = null
  #upkeep: Upkeep | null = null
  #unsubscribe: (() => void) | null = null
  #closed: Promise<void> | null = null
  #troubled = false

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.#told = new ToldWorker(`queue ${parts.queue}`)
    this.started = this.#start()
    // A worker that can never work must not look alive: without `onError` it ends the process, as any unhandled error does.
    this.started.catch((error: unknown) => {
      if (parts.plan.onError === null) throw error
      this.#complain(error)
    })
  }

  close(options: CloseOptions = {}): Promise<void> {
    const graceMs = options.grace === undefined ? defaultGraceMs() : durationMs(options.grace, 'grace')
    this.#closed ??= this.#close(graceMs)
    return this.#closed
  }

  /** The store may be away at the start: that is waited for, for ever; any other error is final. */
  async #start(): Promise<void> {
    const { clock } = this.#parts.store
    for (let wait = FIRST_PAUSE_MS; !this.#closing.signal.aborted; wait = Math.min(2 * wait, MAX_PAUSE_MS)) {
      try {
        return await this.#connect(await this.#parts.store.parts(this.#closing.signal))
      } catch (error) {
        if (this.#closing.signal.aborted) return
        if (!isAway(error)) throw error
        this.#complain(error)
      }
      await pause(clock, wait, this.#closing.signal)
    }
  }

  async #connect({ driver, hub, leases, rounds }: Parts): Promise<void> {
    const { queue, store, plan, counters, rules, check, makeRun } = this.#parts
    this.#unsubscribe ??= await hub.subscribe(queue, (signal) => this.#onSignal(signal))
    this.#hold ??= await leases.hold(queue, plan.keep, (news) => this.#onLease(news))
    const { settings } = await driver.stats(queue)
    const run = await makeRun()
    this.lastLeaseAt = store.clock.now()
    const upkeep = new Upkeep({
      queue,
      store,
      rounds,
      driver,
      counters,
      keep: plan.keep,
      onError: (error) => this.#complain(error),
      onLook: (queued) => this.#looked(queued),
    })
    const consumer = new Consumer({
      queue,
      driver,
      plan,
      counters,
      rules,
      check,
      run,
      quarantine: processQuarantine,
      worker: this.#hold.worker,
      clock: store.clock,
      onUnleased: () => void this.#renew(),
      onError: (error) => this.#complain(error),
      onRelay: () => upkeep.look(),
    })
    this.#upkeep = upkeep
    this.consumer = consumer
    upkeep.start()
    consumer.obey(settings)
    this.#told.registered()
  }

  /** A worker that has nothing to do exchanges nothing: that the store was asked for work counts as its answer. */
  #looked(queued: boolean): void {
    if (this.consumer === null) return
    this.consumer.lastAnswerAt = this.#parts.store.clock.now()
    if (queued) this.consumer.lanes.wake()
  }

  #onSignal(signal: Signal): void {
    const { consumer } = this
    if (consumer === null) return
    switch (signal.kind) {
      case 'work':
        this.#troubled = false
        return consumer.lanes.wake()
      case 'settings':
        return void this.#readSettings(consumer)
      case 'cancel':
        return consumer.cancel(signal.ids, 'cancelled')
      case 'reconnected':
        this.#troubled = false
        this.#upkeep?.reconnected()
        consumer.lanes.reconnected()
        return void this.#readSettings(consumer)
      case 'finished':
    }
  }

  async #readSettings(consumer: Consumer): Promise<void> {
    try {
      const { driver } = await this.#parts.store.parts()
      consumer.obey((await driver.stats(this.#parts.queue)).settings)
    } catch (error) {
      this.#complain(error)
      consumer.lanes.wake()
    }
  }

  #onLease(news: LeaseNews): void {
    const { clock } = this.#parts.store
    if (!news.ok || this.consumer === null) return
    this.lastLeaseAt = clock.now()
    if (news.fresh) this.consumer.lose(news.at - (clock.wall() - clock.now()))
    if (news.cancelled.length > 0) this.consumer.cancel(news.cancelled, 'cancelled')
  }

  /** The store says that the lease is gone: made anew until it holds. */
  async #renew(): Promise<void> {
    const { clock } = this.#parts.store
    for (let wait = FIRST_PAUSE_MS; this.#hold !== null; wait = Math.min(2 * wait, MAX_PAUSE_MS)) {
      try {
        const news = await this.#hold.renew()
        this.#onLease(news)
        return this.consumer?.lanes.resume()
      } catch (error) {
        this.#complain(error)
      }
      await pause(clock, wait)
    }
  }

  async #close(graceMs: number): Promise<void> {
    this.#closing.abort()
    await this.started.catch(() => undefined)
    const { consumer } = this
    this.#upkeep?.stop()
    if (consumer === null) this.#told.drained(0, 0)
    else await this.#drain(consumer, graceMs)
    this.#unsubscribe?.()
    const hold = this.#hold
    this.#hold = null
    if (hold !== null) await this.#within(LAST_WORDS_MS, hold.release())
  }

  async #drain(consumer: Consumer, graceMs: number): Promise<void> {
    const held = { running: consumer.runningJobs, ahead: consumer.bufferedJobs }
    this.#told.draining(held.running + held.ahead)
    consumer.beginClose()
    await this.#within(graceMs, consumer.quiet())
    const left = consumer.runningJobs
    consumer.abandon()
    const flushed = await this.#within(LAST_WORDS_MS, this.#flushed(consumer))
    consumer.stop()
    // What the store could not be told it gives out again when the lease ends.
    this.#told.drained(held.running - left, flushed ? left + held.ahead : 0)
  }

  async #flushed(consumer: Consumer): Promise<void> {
    await consumer.quiet()
    await consumer.lanes.settled()
  }

  /**
   * Waits for it, so long at most. What does not come about in time is left to the lease's end: the jobs are not lost by it,
   * only later.
   * @returns whether it came about
   */
  async #within(ms: number, work: Promise<unknown>): Promise<boolean> {
    const done = new AbortController()
    try {
      const late = pause(this.#parts.store.clock, ms, done.signal).then(() => false)
      return await Promise.race([work.then(() => true), late])
    } catch (error) {
      this.#complain(error)
      return false
    } finally {
      done.abort()
    }
  }

  #complain(error: unknown): void {
    const { onError } = this.#parts.plan
    const real = error instanceof Error ? error : new Error(String(error))
    if (onError !== null) {
      try {
        return onError(real)
      } catch (failure) {
        process.emitWarning(`onError failed: ${String(failure)}`, 'PandaWarning')
      }
    }
    if (this.#troubled && isAway(real)) return
    this.#troubled = true
    process.emitWarning(`queue "${this.#parts.queue}": ${real.message}`, 'PandaWarning')
  }
}
