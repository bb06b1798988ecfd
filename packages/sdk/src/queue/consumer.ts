import { BatchGate } from './batch-gate.ts'
import { Buffer } from './buffer.ts'
import type { Clock } from './clock.ts'
import type { ClaimedJob, Exchanged, JobResult, QueueDriver, QueueSettings } from './driver.ts'
import { ExchangeLanes } from './exchange-lanes.ts'
import type { LaneHost } from './exchange-lanes.ts'
import { tellRefused } from './handler.ts'
import type { Plan } from './handler.ts'
import type { Counters } from './metrics.ts'
import type { OutcomeRules } from './outcome.ts'
import { Prefetch } from './prefetch.ts'
import type { Member, Quarantine } from './quarantine.ts'
import { Runs } from './runs.ts'
import type { Run } from './runs.ts'
import { Suspects } from './suspects.ts'

export interface ConsumerParts {
  readonly queue: string
  readonly worker: string
  readonly driver: QueueDriver
  readonly clock: Clock
  readonly plan: Plan
  readonly counters: Counters
  readonly rules: OutcomeRules
  readonly quarantine: Quarantine
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

/** Takes jobs of one queue and has them worked on, so many at a time: what lies between the lanes to the store and the runs. */
export class Consumer implements LaneHost, Member {
  readonly lanes: ExchangeLanes
  lastAnswerAt: number
  lastClaimAt: number
  readonly #parts: ConsumerParts
  readonly #runs: Runs
  readonly #buffer = new Buffer()
  readonly #prefetch: Prefetch
  readonly #suspects: Suspects
  readonly #gate: BatchGate | null
  readonly #next = (): ClaimedJob | undefined => this.#shift()
  readonly #leaveQuarantine: () => void
  #limited = false
  #pumping = false
  #closing = false
  /** Claims in hand, not ids: the same job may be claimed again after a retry, and then nobody has cancelled it. */
  readonly #cancelled = new WeakSet<ClaimedJob>()
  #staleTimer: (() => void) | null = null

  constructor(parts: ConsumerParts) {
    const { clock, plan, driver, queue, worker, quarantine } = parts
    this.#parts = parts
    this.#runs = new Runs({
      ...parts,
      onResult: (result) => this.#record(result),
      onRefused: (id) => this.#refused(id),
      onEnd: () => this.#ended(),
      onMeasured: (count, totalMs) => this.#prefetch.measured(count, totalMs),
    })
    this.#prefetch = new Prefetch(this.#capacity(), plan.prefetch)
    this.#gate = plan.batch === null ? null : new BatchGate(plan.batch, clock, () => this.#pump())
    this.lanes = new ExchangeLanes((exchange) => driver.exchange(queue, worker, exchange), this, plan.keep, clock)
    this.#suspects = new Suspects({
      quarantine,
      clock,
      start: (suspect) => this.#startAlone(suspect),
      wake: () => this.lanes.wake(),
    })
    this.#leaveQuarantine = quarantine.join(this)
    this.lastAnswerAt = clock.now()
    this.lastClaimAt = clock.now()
  }

  get runningJobs(): number {
    return this.#runs.running.size
  }
  get bufferedJobs(): number {
    return this.#buffer.length + (this.#suspects.waiting === null ? 0 : 1)
  }
  /** True when it could start a job at once, if it had one. */
  get hungry(): boolean {
    return !this.#closing && !this.#parts.quarantine.closed && this.#runs.slots > 0 && this.#buffer.length === 0
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
    const busy = this.#runs.running.size + this.#buffer.length + this.lanes.asked
    return this.#suspects.room(this.#capacity() + ahead - busy, busy === 0)
  }

  buffered(): number {
    return this.#buffer.length
  }

  holding(): string[] {
    const { waiting } = this.#suspects
    return [...this.#runs.holding(), ...(waiting === null ? [] : [waiting.id]), ...this.#buffer.ids()]
  }

  claimApart(): ((want: number) => Promise<Exchanged>) | null {
    const { driver, queue, worker, clock } = this.#parts
    const claim = driver.claimSoftly?.bind(driver)
    // The end of a job makes room for the next under a limit, or in its group: then it has to be told before.
    if (claim === undefined || this.#limited || this.#prefetch.isQuiet(clock.now())) return null
    if (this.#runs.size > 0 || this.#buffer.length > 0) return null
    return (want) => claim(queue, worker, want)
  }

  answered(answer: Exchanged, results: readonly JobResult[], uncertain: ReadonlySet<string>): void {
    const now = this.#parts.clock.now()
    this.lastAnswerAt = now
    for (const id of answer.refused) if (!uncertain.has(id)) this.#refused(id)
    if (results.some((result) => result.job.parent !== null)) this.#parts.onRelay()
    if (answer.jobs.length === 0) return
    this.lastClaimAt = now
    if (answer.jobs.some((job) => job.group !== null)) this.#prefetch.sawGroup(now)
    this.#take(answer.jobs, now)
    this.#pump()
    this.#watchStale()
  }

  failed(error: unknown): void {
    this.#parts.onError(error)
  }

  unleased(): void {
    this.#parts.onUnleased()
  }

  // What the quarantine asks.

  makeWay(): void {
    this.#handBack(this.#buffer.take())
    this.lanes.plan()
  }

  async emptied(): Promise<void> {
    do {
      await this.#runs.quiet()
      await this.lanes.settled()
    } while (this.#runs.size > 0 || this.lanes.busy)
  }

  goOn(): void {
    this.lanes.wake()
  }

  // What happens to it.

  cancel(ids: readonly string[], reason: string): void {
    const wanted = new Set(ids)
    this.#runs.cancel(wanted, reason)
    // What is just being claimed is told again by the lease's next renewal; the rest is not here.
    const { waiting } = this.#suspects
    for (const claim of waiting === null ? this.#buffer.claims() : [waiting, ...this.#buffer.claims()])
      if (wanted.has(claim.id)) this.#cancelled.add(claim)
  }

  /** What was claimed before `at` (by `clock.now()`) belongs to somebody else. */
  lose(at: number): void {
    this.#buffer.take(at)
    this.#suspects.giveUp(at)
    this.#runs.lose(at)
    this.lanes.resume()
  }

  /** No new work; what was claimed but not started is handed back. */
  beginClose(): void {
    this.#closing = true
    this.#gate?.stop()
    this.#staleTimer?.()
    const waiting = this.#suspects.giveUp()
    this.#handBack(waiting === null ? this.#buffer.take() : [waiting, ...this.#buffer.take()])
    this.lanes.plan()
  }

  /** Resolves when nothing runs. */
  quiet(): Promise<void> {
    return this.#runs.quiet()
  }

  /** The grace is over: what still runs is aborted and handed back. */
  abandon(): void {
    this.#runs.abandon()
  }

  /** For good. */
  stop(): void {
    this.lanes.stop()
    this.#leaveQuarantine()
  }

  #capacity(): number {
    const { concurrency, batch } = this.#parts.plan
    return concurrency * (batch?.size ?? 1)
  }

  #take(jobs: readonly ClaimedJob[], now: number): void {
    if (this.#closing) return this.#handBack(jobs)
    const sorted = this.#suspects.sort(jobs)
    this.#buffer.push(sorted?.start ?? jobs, now)
    if (sorted !== null) this.#handBack(sorted.back)
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      const runs = this.#runs
      const gate = this.#gate
      const size = this.#parts.plan.batch?.size ?? 1
      while (runs.slots > 0 && (gate === null ? this.#buffer.length > 0 : gate.isOpen(this.#buffer.length)))
        runs.start(size, this.#next)
    } finally {
      this.#pumping = false
    }
    this.lanes.plan()
  }

  /** The next that may be started; what was cancelled before is reported. */
  #shift(): ClaimedJob | undefined {
    for (;;) {
      const claim = this.#buffer.shift()
      if (claim === undefined || !this.#isCancelled(claim)) return claim
    }
  }

  #isCancelled(claim: ClaimedJob): boolean {
    if (!this.#cancelled.delete(claim)) return false
    this.#record({ kind: 'cancelled', job: claim, reason: 'cancelled before it was started' })
    return true
  }

  #startAlone(suspect: ClaimedJob): void {
    let given = this.#isCancelled(suspect)
    this.#runs.start(1, () => {
      if (given) return undefined
      given = true
      return suspect
    })
    // One that could not be started at all has ended by now.
    this.#ended()
  }

  #ended(): void {
    this.#suspects.ended((claim) => this.#runs.holds(claim))
    this.#pump()
  }

  #refused(id: string): void {
    this.#parts.counters.refused += 1
    tellRefused(this.#parts.plan.onRefused, id)
  }

  #record(result: JobResult): void {
    this.#parts.counters.count(result.kind)
    this.lanes.deliver(result)
  }

  #handBack(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) this.#record({ kind: 'released', job })
  }

  #watchStale(): void {
    if (this.#staleTimer !== null || this.#buffer.length === 0) return
    this.#staleTimer = this.#parts.clock.after(
      STALE_MS,
      () => {
        this.#staleTimer = null
        const { clock, plan } = this.#parts
        if (clock.now() - this.#runs.lastStartAt >= STALE_MS && plan.prefetch === null) this.#unload()
        this.#watchStale()
      },
      true,
    )
  }

  /** The handlers got slow all of a sudden: somebody else may start what waits here. */
  #unload(): void {
    if (this.#runs.slots > 0) return
    this.#prefetch.measured(1, STALE_MS)
    this.#handBack(this.#buffer.take())
    this.lanes.plan()
  }
}
