import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Executor } from '../executor/executor.ts'
import { keepOwned } from '../executor/keep-owned.ts'
import type { Log } from '../log.ts'
import type { ClaimedRun } from '../runs/claimed-run.ts'
import type { Database } from '../store/database.ts'
import type { Listener } from '../store/listen.ts'
import { claimDue, ClaimInDoubt, type ClaimResult, findNextDue, type NextDue } from './claim-due.ts'
import {
  BACKOFF_MAX_MS,
  BACKOFF_MIN_MS,
  CLAIM_BATCH,
  CLAIM_BATCH_FIRST,
  CLAIM_LANES,
  MAX_SLEEP_MS,
  MIN_SLEEP_MS,
  UNREADABLE_RETRY_MS,
} from './limits.ts'
import { UnreadableCronjobs } from './unreadable-cronjobs.ts'

export interface SchedulerDeps {
  readonly db: Database
  readonly listener: Pick<Listener, 'on'>
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  readonly serverId: string
  readonly engineId: string
  readonly executor: Pick<Executor, 'reserve' | 'take'>
  /** Cronjobs per claim at most, default 2000, and claims at once while more is due, default 2. */
  readonly batch?: number
  readonly lanes?: number
}

/**
 * Claims what is due, sleeps until the next due time by the database's clock, and is woken earlier by `panda_schedule`.
 * Holds nothing of them but what it could not read: a scheduler that is killed at any point leaves either the row of a tick or the tick still due.
 */
export class Scheduler implements Component {
  readonly name = 'scheduler'
  readonly #deps: SchedulerDeps
  readonly #stopping = new AbortController()
  #wake = new AbortController()
  #loop: Promise<void> | undefined
  #unlisten: (() => void) | undefined
  #up = false
  #trouble: string | null = 'the scheduler has not looked for what is due yet'
  #nextDueAt: Date | null = null
  /** When something is due, by this process's clock; before the first pass: now. */
  #expectedAtMs = Number.NEGATIVE_INFINITY
  readonly #unreadable: UnreadableCronjobs
  #inDoubt: readonly ClaimedRun[] = []

  constructor(deps: SchedulerDeps) {
    this.#deps = deps
    this.#unreadable = new UnreadableCronjobs(deps.clock)
  }

  /** True while the last pass over the due cronjobs succeeded. */
  get up(): boolean {
    return this.#up
  }

  /** Why the last pass failed; null while it is up. */
  get trouble(): string | null {
    return this.#trouble
  }

  /** The next due time of any cronjob as of the last pass; null when there is none. */
  get nextDueAt(): Date | null {
    return this.#nextDueAt
  }

  /** Begins the loop. Resolves at once, also when the database is away: `up` tells. */
  start(): Promise<void> {
    this.#unlisten ??= this.#deps.listener.on('panda_schedule', () => this.#wake.abort())
    this.#loop ??= this.#run()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake.abort()
    this.#unlisten?.()
    await this.#loop
    this.#up = false
  }

  async #run(): Promise<void> {
    let backoffMs = BACKOFF_MIN_MS
    while (!this.#stopping.signal.aborted) {
      this.#renewWake()
      let waitMs: number
      try {
        waitMs = await this.#pass()
        if (!this.#up) this.#deps.log.info('scheduler is up')
        this.#up = true
        this.#trouble = null
        backoffMs = BACKOFF_MIN_MS
      } catch (error) {
        this.#up = false
        this.#trouble = `due cronjobs cannot be claimed: ${error instanceof Error ? error.message : String(error)}`
        waitMs = backoffMs
        this.#deps.log.error({ err: error, retryInMs: waitMs }, 'due cronjobs could not be claimed')
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
      }
      await this.#deps.clock.sleep(waitMs, this.#wake.signal)
    }
  }

  /** A fresh signal before each pass: what is announced during the pass ends the sleep behind it. */
  #renewWake(): void {
    this.#wake = new AbortController()
    if (this.#stopping.signal.aborted) this.#wake.abort()
  }

  /**
   * Claims until less than a batch is due. While full batches are, more lanes join in; every other one takes the newest
   * first, so that fresh ticks are punctual while a backlog is worked off.
   *
   * @returns how long to sleep, in milliseconds
   */
  async #pass(): Promise<number> {
    await this.#settleDoubt()
    const next = (await this.#nothingDue()) ?? (await this.#claimAll())
    this.#nextDueAt = next.nextDueAt
    const waitMs = Math.ceil(Math.max(next.nextDueInMs ?? Infinity, MIN_SLEEP_MS))
    this.#expectedAtMs = this.#deps.clock.now() + waitMs
    return Math.min(waitMs, MAX_SLEEP_MS)
  }

  /** A look where the last pass said that nothing is due yet: an idle server opens no transactions. @returns null = claim */
  async #nothingDue(): Promise<NextDue | null> {
    // A timer may end a fraction of a millisecond early; a look then would make the tick late.
    if (this.#deps.clock.now() > this.#expectedAtMs - 2) return null
    const next = await findNextDue(this.#deps.db, this.#unreadable.ids())
    return (next.nextDueInMs ?? Infinity) > 0 ? next : null
  }

  async #claimAll(): Promise<NextDue> {
    const lanes: Promise<ClaimResult>[] = []
    const open = (): void => {
      const order = lanes.length % 2 === 0 ? 'oldest' : 'newest'
      if (lanes.length < (this.#deps.lanes ?? CLAIM_LANES)) lanes.push(this.#lane(order, open))
    }
    open()
    // All lanes end before an error is told: none may go on behind the back of the loop. A lane may open another one.
    const outcomes: PromiseSettledResult<ClaimResult>[] = []
    while (outcomes.length < lanes.length) {
      outcomes.push(...(await Promise.allSettled(lanes.slice(outcomes.length))))
    }
    let soonest: NextDue = { nextDueInMs: null, nextDueAt: null }
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
      if ((outcome.value.nextDueInMs ?? Infinity) <= (soonest.nextDueInMs ?? Infinity)) soonest = outcome.value
    }
    return soonest
  }

  async #lane(order: 'oldest' | 'newest', onFull: () => void): Promise<ClaimResult> {
    const max = this.#deps.batch ?? CLAIM_BATCH
    let batch = Math.min(CLAIM_BATCH_FIRST, max)
    let result = await this.#claim(batch, order, onFull)
    while (result.full && !this.#stopping.signal.aborted) {
      batch = Math.min(batch * 2, max)
      result = await this.#claim(batch, order, onFull)
    }
    return result
  }

  async #claim(batch: number, order: 'oldest' | 'newest', onFull: () => void): Promise<ClaimResult> {
    const { db, serverId, engineId, executor } = this.#deps
    // Claims of several lanes, and those of waiting runs, must not count on the same free slot.
    const reserved = executor.reserve(batch)
    try {
      const result = await claimDue(db, {
        serverId,
        engineId,
        slots: reserved.slots,
        batch,
        order,
        onFull,
        except: this.#unreadable.ids(),
      })
      reserved.release()
      if (result.started.length > 0) executor.take(result.started)
      for (const { cronjobId, schedule, error } of result.broken) {
        this.#unreadable.add(cronjobId)
        this.#deps.log.error(
          { cronjob: cronjobId, schedule, err: error, retryInMs: UNREADABLE_RETRY_MS },
          'a schedule cannot be read by this server: its ticks wait for a change of it or for another server',
        )
      }
      return result
    } catch (error) {
      if (error instanceof ClaimInDoubt) this.#inDoubt = [...this.#inDoubt, ...error.runs]
      throw error
    } finally {
      reserved.release()
    }
  }

  /** Hands over what a claim committed although its answer was lost. At most one batch per lane is ever in doubt. */
  async #settleDoubt(): Promise<void> {
    if (this.#inDoubt.length === 0) return
    const owned = await keepOwned(this.#deps.db, this.#deps.serverId, this.#inDoubt)
    const mine = this.#inDoubt.filter((run) => owned.has(run.id))
    const asked = this.#inDoubt.length
    this.#inDoubt = []
    if (mine.length > 0) this.#deps.executor.take(mine)
    this.#deps.log.warn({ asked, committed: mine.length }, 'settled a claim whose commit was in doubt')
  }
}
