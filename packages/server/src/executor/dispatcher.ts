import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Log } from '../log.ts'
import { anyWaiting, claimReady, nextReadyInMs } from '../runs/transition/claim-ready.ts'
import { endWaiting } from '../runs/transition/end-waiting.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'
import type { Executor } from './executor.ts'

/** Runs claimed by one statement. */
const CLAIM_LIMIT = 500
/** It looks so often even when nothing wakes it, in milliseconds. */
const POLL_MS = 1000
/** And no more often than this, however many runs end and wake it, in milliseconds. */
const MIN_GAP_MS = 25
/** Longest wait after an error, in milliseconds. */
const MAX_BACKOFF_MS = 5000

export interface DispatcherDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  readonly listener: Pick<Listener, 'on'>
  readonly serverId: string
  readonly engineId: string
  readonly executor: Pick<Executor, 'reserve' | 'take' | 'freeSlots' | 'onFreed'>
}

/**
 * Gives waiting runs (queued, retrying, delayed by jitter) to this server's free slots, the longest waiting first, and
 * ends those that will not start. Any number of servers do so side by side.
 */
export class Dispatcher implements Component {
  readonly name = 'dispatcher'
  readonly #deps: DispatcherDeps
  readonly #stopping = new AbortController()
  #wake = new AbortController()
  readonly #unsubscribe: (() => void)[] = []
  /** The last pass ended for want of a slot: whatever is freed may go to a run that waits. */
  #full = false
  #loop: Promise<void> | undefined

  constructor(deps: DispatcherDeps) {
    this.#deps = deps
  }

  start(): Promise<void> {
    if (this.#loop === undefined) {
      const wake = (): void => this.#wake.abort()
      const freed = (): void => {
        if (this.#full) wake()
      }
      this.#unsubscribe.push(this.#deps.listener.on('panda_runs', wake), this.#deps.executor.onFreed(freed))
      this.#loop = this.#run()
    }
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake.abort()
    for (const end of this.#unsubscribe.splice(0)) end()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController()
      if (this.#stopping.signal.aborted) this.#wake.abort()
      let waitMs = POLL_MS
      try {
        waitMs = await this.#pass()
        failures = 0
      } catch (error) {
        failures++
        waitMs = Math.min(100 * 2 ** failures, MAX_BACKOFF_MS)
        log.error({ err: error, retryInMs: waitMs }, 'waiting runs could not be claimed')
      }
      await clock.sleep(Math.min(waitMs, MIN_GAP_MS), this.#stopping.signal)
      await clock.sleep(waitMs - MIN_GAP_MS, failures > 0 ? this.#stopping.signal : this.#wake.signal)
    }
  }

  /** @returns how long to sleep, in milliseconds */
  async #pass(): Promise<number> {
    const { db, executor } = this.#deps
    this.#full = true
    if (!(await anyWaiting(db))) {
      this.#full = false
      return POLL_MS
    }
    await endWaiting(db)
    while (executor.freeSlots() > 0 && !this.#stopping.signal.aborted) {
      if (await this.#claim()) continue
      this.#full = executor.freeSlots() === 0
      return Math.min((await nextReadyInMs(db)) ?? POLL_MS, POLL_MS)
    }
    return POLL_MS
  }

  /** @returns whether there may be more */
  async #claim(): Promise<boolean> {
    const { db, executor, serverId, engineId } = this.#deps
    const reserved = executor.reserve(CLAIM_LIMIT)
    try {
      const runs = await claimReady(db, { serverId, engineId, limit: reserved.slots })
      reserved.release()
      executor.take(runs)
      return runs.length > 0 && runs.length === reserved.slots
    } finally {
      reserved.release()
    }
  }
}
