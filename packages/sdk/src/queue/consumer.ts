import { Buffer } from './buffer.ts'
import { childResult } from './child-result.ts'
import type { ChildResult } from './child-result.ts'
import type { Clock } from './clock.ts'
import { Deadlines } from './deadlines.ts'
import type { ClaimedJob, Exchanged, JobResult, QueueDriver, QueueSettings } from './driver.ts'
import { ExchangeLanes } from './exchange-lanes.ts'
import type { LaneHost } from './exchange-lanes.ts'
import { tellRefused } from './handler.ts'
import type { Plan } from './handler.ts'
import { decodeSettings } from './job-settings.ts'
import type { Counters } from './metrics.ts'
import { NoteBook } from './note-book.ts'
import { cancelError, failed, graceError, lostError, succeeded, timeoutError, unfit } from './outcome.ts'
import type { OutcomeRules } from './outcome.ts'
import { Prefetch } from './prefetch.ts'
import { Running } from './running-job.ts'
import type { RunningHost } from './running-job.ts'

/** Runs the handler on what was claimed. `settle` is told once for each. */
export type Run = (jobs: readonly Running[], settle: Settle) => void
export interface Settle {
  returned(running: Running, value: unknown): void
  threw(running: Running, error: unknown): void
}

export interface ConsumerParts {
  readonly queue: string
  readonly worker: string
  readonly driver: QueueDriver
  readonly clock: Clock
  readonly plan: Plan
  readonly counters: Counters
  readonly rules: OutcomeRules
  /** Null: the data need no check. */
  readonly check: ((data: unknown) => Promise<unknown>) | null
  readonly run: Run
  /** The store says that there is no lease. */
  readonly onUnleased: () => void
  readonly onError: (error: unknown) => void
  /** A job with a parent has ended: there is something to carry over. */
  readonly onRelay: () => void
}

/** Nothing was started for so long although jobs are at hand: they are handed back for others. */
const STALE_MS = 250
/** Measured over so many jobs before the buffer is sized anew. */
const SAMPLE = 32

/** Takes jobs of one queue and works on them, so many at a time; everything between the lanes to the store and the handler. */
export class Consumer implements LaneHost, RunningHost, Settle {
  readonly queue: string
  readonly running = new Set<Running>()
  readonly lanes: ExchangeLanes
  lastAnswerAt: number
  lastClaimAt: number
  readonly #parts: ConsumerParts
  readonly #buffer = new Buffer()
  readonly #deadlines: Deadlines<Running>
  readonly #notes: NoteBook
  readonly #prefetch: Prefetch
  #limited = false
  #slots: number
  /** Settled, but their last notes are still being written. */
  readonly #leaving = new Set<Running>()
  #pumping = false
  #closing = false
  /** Claims in the buffer, not ids: the same job may be claimed again after a retry, and then nobody has cancelled it. */
  readonly #cancelled = new WeakSet<ClaimedJob>()
  #sampleCount = 0
  #sampleMs = 0
  #batchTimer: (() => void) | null = null
  #batchDue = false
  #staleTimer: (() => void) | null = null
  #lastStartAt = 0
  #onQuiet: (() => void) | null = null

  constructor(parts: ConsumerParts) {
    const { clock, plan, driver, queue, worker } = parts
    this.#parts = parts
    this.queue = queue
    this.#slots = plan.concurrency
    this.#deadlines = new Deadlines(clock, (running) => this.#timedOut(running))
    this.#notes = new NoteBook((running, note) => driver.note(queue, running.id, running.claim.fence, note), clock)
    this.#prefetch = new Prefetch(this.#capacity(), plan.prefetch)
    this.lanes = new ExchangeLanes((exchange) => driver.exchange(queue, worker, exchange), this, plan.keep, clock)
    this.lastAnswerAt = clock.now()
    this.lastClaimAt = clock.now()
  }

  get bufferedJobs(): number {
    return this.#buffer.length
  }
  /** True when it could start a job at once, if it had one. */
  get hungry(): boolean {
    return !this.#closing && this.#slots > 0 && this.#buffer.length === 0
  }

  /** Limits count what is claimed, so nothing is claimed ahead under them. */
  obey(settings: QueueSettings): void {
    this.#limited = settings.concurrency !== null || settings.rate !== null || settings.groupRate !== null
    this.lanes.wake()
  }

  // What the lanes ask.

  room(): number {
    if (this.#closing) return 0
    const ahead = this.#prefetch.size(this.#parts.clock.now(), this.#limited)
    return this.#capacity() + ahead - this.running.size - this.#buffer.length - this.lanes.asked
  }

  buffered(): number {
    return this.#buffer.length
  }

  holding(): string[] {
    // A lost run is not a claim: the same job may have been claimed again, in an answer that got lost.
    const held = [...this.running, ...this.#leaving].flatMap((running) => (running.lost ? [] : [running.id]))
    return held.concat(this.#buffer.ids())
  }

  answered(answer: Exchanged, results: readonly JobResult[], uncertain: ReadonlySet<string>): void {
    const { clock, counters } = this.#parts
    const now = clock.now()
    this.lastAnswerAt = now
    for (const id of answer.refused) {
      if (uncertain.has(id)) continue
      counters.refused += 1
      this.#tellRefused(id)
    }
    if (results.some((result) => result.job.parent !== null)) this.#parts.onRelay()
    if (answer.jobs.length === 0) return
    this.lastClaimAt = now
    if (answer.jobs.some((job) => job.group !== null)) this.#prefetch.sawGroup(now)
    this.#buffer.push(answer.jobs, now)
    if (this.#closing) this.#handBack(this.#buffer.take())
    this.#pump()
    this.#watchStale()
  }

  failed(error: unknown): void {
    this.#parts.onError(error)
  }

  unleased(): void {
    this.#parts.onUnleased()
  }

  // What the handlers say.

  returned(running: Running, value: unknown): void {
    if (!running.done) this.#settle(running, succeeded(running, value, this.#parts.rules))
  }

  threw(running: Running, error: unknown): void {
    if (!running.done) this.#settle(running, failed(running, error, this.#parts.rules))
  }

  note(running: Running, line: string | null, progress: string | null): void {
    if (!running.done && !running.lost) this.#notes.add(running, line, progress)
  }

  beat(running: Running): void {
    const { timeout } = running.settings
    if (timeout !== undefined && !running.done) this.#deadlines.set(running, timeout)
  }

  async children(id: string): Promise<readonly ChildResult[]> {
    return (await this.#parts.driver.children(this.queue, id)).map(childResult)
  }

  // What happens to it.

  cancel(ids: readonly string[], reason: string): void {
    const wanted = new Set(ids)
    for (const running of this.running) {
      if (running.lost || !wanted.delete(running.id)) continue
      running.cancelReason = reason
      running.stop(cancelError(running))
    }
    // What is just being claimed is told again by the lease's next renewal; the rest is not here.
    for (const claim of this.#buffer.claims()) if (wanted.has(claim.id)) this.#cancelled.add(claim)
  }

  /** What was claimed before `at` (by `clock.now()`) belongs to somebody else. */
  lose(at: number): void {
    this.#buffer.take(at)
    for (const running of this.running) {
      if (running.startedAt >= at) continue
      running.lost = true
      running.stop(lostError(running))
    }
    this.lanes.resume()
  }

  /** No new work; what was claimed but not started is handed back. */
  beginClose(): void {
    this.#closing = true
    this.#batchTimer?.()
    this.#staleTimer?.()
    this.#handBack(this.#buffer.take())
    this.lanes.plan()
  }

  /** Resolves when nothing runs. */
  quiet(): Promise<void> {
    if (this.running.size + this.#leaving.size === 0) return Promise.resolve()
    return new Promise((resolve) => (this.#onQuiet = resolve))
  }

  /** The grace is over: what still runs is aborted and handed back. */
  abandon(): void {
    for (const running of this.running) {
      running.stop(graceError(running))
      this.#settle(running, { kind: 'released', job: running.claim })
    }
  }

  #capacity(): number {
    const { concurrency, batch } = this.#parts.plan
    return concurrency * (batch?.size ?? 1)
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    const { batch } = this.#parts.plan
    try {
      if (batch === null) while (this.#slots > 0 && this.#buffer.length > 0) this.#start(1)
      else while (this.#slots > 0 && this.#batchReady(batch)) this.#start(batch.size)
    } finally {
      this.#pumping = false
    }
    this.lanes.plan()
  }

  #batchReady({ size, waitMs }: { size: number; waitMs: number }): boolean {
    const there = this.#buffer.length
    if (there === 0) return false
    if (there >= size || waitMs === 0 || this.#batchDue) {
      this.#batchDue = false
      this.#batchTimer?.()
      this.#batchTimer = null
      return true
    }
    this.#batchTimer ??= this.#parts.clock.after(waitMs, () => {
      this.#batchTimer = null
      this.#batchDue = true
      this.#pump()
    })
    return false
  }

  #start(count: number): void {
    const now = this.#parts.clock.now()
    const batch: Running[] = []
    while (batch.length < count) {
      const claim = this.#buffer.shift()
      if (claim === undefined) break
      const running = this.#begin(claim, now)
      if (running !== null) batch.push(running)
    }
    if (batch.length === 0) return
    if (this.#parts.plan.batch !== null) {
      const mates = { left: batch.length }
      for (const running of batch) running.mates = mates
    }
    this.#lastStartAt = now
    this.#slots -= 1
    if (this.#parts.check === null) this.#parts.run(batch, this)
    else void this.#checkAndRun(batch, this.#parts.check)
  }

  /** Null when it is not to be run at all: its result is on its way. */
  #begin(claim: ClaimedJob, now: number): Running | null {
    if (this.#cancelled.delete(claim)) {
      this.#record({ kind: 'cancelled', job: claim, reason: 'cancelled before it was started' })
      return null
    }
    try {
      const running = new Running(claim, decodeSettings(claim.settings), this)
      running.data = JSON.parse(claim.body)
      running.startedAt = now
      this.running.add(running)
      this.#parts.counters.started += 1
      if (running.settings.timeout !== undefined) this.#deadlines.set(running, running.settings.timeout)
      return running
    } catch (error) {
      this.#record(unfit(claim, error, this.#parts.rules))
      return null
    }
  }

  async #checkAndRun(batch: readonly Running[], check: (data: unknown) => Promise<unknown>): Promise<void> {
    const fit: Running[] = []
    for (const running of batch) {
      try {
        running.data = await check(running.data)
        if (!running.done) fit.push(running)
      } catch (error) {
        if (!running.done) this.#settle(running, unfit(running.claim, error, this.#parts.rules))
      }
    }
    if (fit.length > 0) this.#parts.run(fit, this)
  }

  #settle(running: Running, result: JobResult): void {
    running.done = true
    this.running.delete(running)
    if (running.settings.timeout !== undefined) this.#deadlines.delete(running)
    this.#measure(running)
    this.#freeSlot(running)
    if (running.lost) this.#refuse(running)
    else if (running.noted) void this.#recordAfterNotes(running, result)
    else this.#record(result)
    this.#afterSettle()
  }

  /** With batches a slot is free when all of its jobs are settled. */
  #freeSlot(running: Running): void {
    const { mates } = running
    if (mates === null) this.#slots += 1
    else if ((mates.left -= 1) === 0) this.#slots += 1
  }

  #afterSettle(): void {
    this.#pump()
    if (this.#onQuiet !== null && this.running.size + this.#leaving.size === 0) {
      this.#onQuiet()
      this.#onQuiet = null
    }
  }

  async #recordAfterNotes(running: Running, result: JobResult): Promise<void> {
    this.#leaving.add(running)
    await this.#notes.finish(running)
    this.#leaving.delete(running)
    this.#record(result)
    this.#afterSettle()
  }

  #refuse(running: Running): void {
    this.#notes.drop(running)
    this.#parts.counters.refused += 1
    this.#tellRefused(running.id)
  }

  #tellRefused(id: string): void {
    tellRefused(this.#parts.plan.onRefused, id)
  }

  #record(result: JobResult): void {
    this.#parts.counters.count(result.kind)
    this.lanes.deliver(result)
  }

  #handBack(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) this.#record({ kind: 'released', job })
  }

  #measure(running: Running): void {
    const ms = this.#parts.clock.now() - running.startedAt
    this.#parts.counters.ran(ms)
    this.#sampleCount += 1
    this.#sampleMs += ms
    if (this.#sampleCount < SAMPLE && ms < 1) return
    this.#prefetch.measured(this.#sampleCount, this.#sampleMs)
    this.#sampleCount = 0
    this.#sampleMs = 0
  }

  #timedOut(running: Running): void {
    const error = timeoutError(running)
    running.stop(error)
    this.threw(running, error)
  }

  #watchStale(): void {
    if (this.#staleTimer !== null || this.#buffer.length === 0) return
    this.#staleTimer = this.#parts.clock.after(
      STALE_MS,
      () => {
        this.#staleTimer = null
        if (this.#parts.clock.now() - this.#lastStartAt >= STALE_MS && this.#parts.plan.prefetch === null)
          this.#unload()
        this.#watchStale()
      },
      true,
    )
  }

  /** The handlers got slow all of a sudden: somebody else may start what waits here. */
  #unload(): void {
    if (this.#slots > 0) return
    this.#prefetch.measured(1, STALE_MS)
    this.#handBack(this.#buffer.take())
    this.lanes.plan()
  }
}
