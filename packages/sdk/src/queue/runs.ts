import { childResult } from './child-result.ts'
import type { ChildResult } from './child-result.ts'
import type { Clock } from './clock.ts'
import { Deadlines } from './deadlines.ts'
import type { ClaimedJob, JobResult, QueueDriver } from './driver.ts'
import type { Plan } from './handler.ts'
import { decodeSettings } from './job-settings.ts'
import type { Counters } from './metrics.ts'
import { NoteBook } from './note-book.ts'
import { cancelError, failed, graceError, lostError, succeeded, timeoutError, unfit } from './outcome.ts'
import type { OutcomeRules } from './outcome.ts'
import { Running } from './running-job.ts'
import type { RunningHost } from './running-job.ts'

/** Runs the handler on what was claimed. `settle` is told once for each. */
export type Run = (jobs: readonly Running[], settle: Settle) => void
export interface Settle {
  returned(running: Running, value: unknown): void
  threw(running: Running, error: unknown): void
}

/** Measured over so many jobs before the prefetch is told. */
const SAMPLE = 32

export interface RunsParts {
  readonly queue: string
  readonly driver: QueueDriver
  readonly clock: Clock
  readonly plan: Plan
  readonly counters: Counters
  readonly rules: OutcomeRules
  /** Null: the data need no check. */
  readonly check: ((data: unknown) => Promise<unknown>) | null
  readonly run: Run
  /** A result that the store is to hear of. */
  readonly onResult: (result: JobResult) => void
  /** A result that it need not hear of: the job was taken back. */
  readonly onRefused: (id: string) => void
  /** A slot may be free, or nothing may run any more. */
  readonly onEnd: () => void
  /** So many handlers took so long together. */
  readonly onMeasured: (count: number, totalMs: number) => void
}

/** The jobs that are being worked on, from the start of their handler until their result is decided and their notes are stored. */
export class Runs implements RunningHost, Settle {
  readonly queue: string
  readonly running = new Set<Running>()
  slots: number
  lastStartAt = 0
  readonly #parts: RunsParts
  readonly #deadlines: Deadlines<Running>
  readonly #notes: NoteBook
  /** Settled, but their last notes are still being written. */
  readonly #leaving = new Set<Running>()
  #sampleCount = 0
  #sampleMs = 0
  #quietWaiters: (() => void)[] = []

  constructor(parts: RunsParts) {
    const { clock, plan, driver, queue } = parts
    this.#parts = parts
    this.queue = queue
    this.slots = plan.concurrency
    this.#deadlines = new Deadlines(clock, (running) => this.#timedOut(running))
    this.#notes = new NoteBook((running, note) => driver.note(queue, running.id, running.claim.fence, note), clock)
  }

  /** Those whose last notes are being written included. */
  get size(): number {
    return this.running.size + this.#leaving.size
  }

  /** A lost run is not a claim: the same job may have been claimed again, in an answer that got lost. */
  holding(): string[] {
    return [...this.running, ...this.#leaving].flatMap((running) => (running.lost ? [] : [running.id]))
  }

  holds(claim: ClaimedJob): boolean {
    return [...this.running, ...this.#leaving].some((running) => running.claim === claim)
  }

  /** Starts up to `count` in one call of the handler. */
  start(count: number, next: () => ClaimedJob | undefined): void {
    const now = this.#parts.clock.now()
    const batch: Running[] = []
    while (batch.length < count) {
      const claim = next()
      if (claim === undefined) break
      const running = this.#begin(claim, now)
      if (running !== null) batch.push(running)
    }
    if (batch.length === 0) return
    if (this.#parts.plan.batch !== null) {
      const mates = { left: batch.length }
      for (const running of batch) running.mates = mates
    }
    this.lastStartAt = now
    this.slots -= 1
    if (this.#parts.check === null) this.#parts.run(batch, this)
    else void this.#checkAndRun(batch, this.#parts.check)
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

  // What happens to them.

  /** Takes out of `wanted` what it has found. */
  cancel(wanted: Set<string>, reason: string): void {
    for (const running of this.running) {
      if (running.lost || !wanted.delete(running.id)) continue
      running.cancelReason = reason
      running.stop(cancelError(running))
    }
  }

  /** What was started before `at` belongs to somebody else. */
  lose(at: number): void {
    for (const running of this.running) {
      if (running.startedAt >= at) continue
      running.lost = true
      running.stop(lostError(running))
    }
  }

  /** The grace is over: what still runs is aborted and handed back. */
  abandon(): void {
    for (const running of this.running) {
      running.stop(graceError(running))
      this.#settle(running, { kind: 'released', job: running.claim })
    }
  }

  /** Resolves when nothing runs. */
  quiet(): Promise<void> {
    if (this.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#quietWaiters.push(resolve))
  }

  /** Null when it is not to be run at all: its result is on its way. */
  #begin(claim: ClaimedJob, now: number): Running | null {
    try {
      const running = new Running(claim, decodeSettings(claim.settings), this)
      running.data = JSON.parse(claim.body)
      running.startedAt = now
      this.running.add(running)
      this.#parts.counters.started += 1
      if (running.settings.timeout !== undefined) this.#deadlines.set(running, running.settings.timeout)
      return running
    } catch (error) {
      this.#parts.onResult(unfit(claim, error, this.#parts.rules))
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
    else this.#parts.onResult(result)
    this.#afterSettle()
  }

  /** With batches a slot is free when all of its jobs are settled. */
  #freeSlot(running: Running): void {
    const { mates } = running
    if (mates === null) this.slots += 1
    else if ((mates.left -= 1) === 0) this.slots += 1
  }

  #afterSettle(): void {
    this.#parts.onEnd()
    if (this.#quietWaiters.length > 0 && this.size === 0) for (const resolve of this.#quietWaiters.splice(0)) resolve()
  }

  async #recordAfterNotes(running: Running, result: JobResult): Promise<void> {
    this.#leaving.add(running)
    await this.#notes.finish(running)
    this.#leaving.delete(running)
    this.#parts.onResult(result)
    this.#afterSettle()
  }

  #refuse(running: Running): void {
    this.#notes.drop(running)
    this.#parts.onRefused(running.id)
  }

  #measure(running: Running): void {
    const ms = this.#parts.clock.now() - running.startedAt
    this.#parts.counters.ran(ms)
    this.#sampleCount += 1
    this.#sampleMs += ms
    if (this.#sampleCount < SAMPLE && ms < 1) return
    this.#parts.onMeasured(this.#sampleCount, this.#sampleMs)
    this.#sampleCount = 0
    this.#sampleMs = 0
  }

  #timedOut(running: Running): void {
    const error = timeoutError(running)
    running.stop(error)
    this.threw(running, error)
  }
}
