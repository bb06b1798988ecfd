import type { ConsumeOptions, Consumer, Delivery, Settlement } from '../../events/driver.ts'
import { pause } from '../../queue/clock.ts'
import type { ClaimedJob, Exchanged, JobRecord, JobResult, Signal } from '../../queue/driver.ts'
import { ExchangeLanes } from '../../queue/exchange-lanes.ts'
import type { LaneHost } from '../../queue/exchange-lanes.ts'
import { Counters } from '../../queue/metrics.ts'
import type { Parts, Store } from '../../queue/store.ts'
import { Upkeep } from '../../queue/upkeep.ts'
import { Held } from './held.ts'
import type { Past } from './held.ts'
import { HeldRetries } from './held-retries.ts'
import { Lease } from './lease.ts'
import type { LeaseHost } from './lease.ts'
import { KEEP, memoOf, resultOf } from './results.ts'
import type { Memo } from './results.ts'

/** At a close, for the last results and for giving back the lease. */
const LAST_WORDS_MS = 5_000
const NO_PAST: Past = { failures: 0, firstFailedAt: null }

export interface ConsumerParts extends Parts {
  readonly queue: string
  readonly store: Store
  /** A look by the clock, every few seconds. */
  readonly onLook: () => void
  readonly onClosed: (consumer: SubscriptionConsumer) => void
}

/**
 * Takes deliveries of one subscription: claims of its queue under a worker's lease, results and claims together on the
 * engine's lanes. A delivery whose consumer died before is a suspect: it is handed out alone, with everything else handed
 * back first, so that what kills its consumer again is found out and nothing dies with it.
 */
export class SubscriptionConsumer implements Consumer, LaneHost, LeaseHost {
  readonly #parts: ConsumerParts
  readonly #options: ConsumeOptions
  readonly #onDelivery: (delivery: Delivery) => void
  readonly #lease: Lease
  readonly #upkeep: Upkeep
  readonly #retries: HeldRetries
  /** All that is claimed and not settled, with the time of the claim. */
  readonly #claims = new Map<ClaimedJob, number>()
  readonly #out = new Set<Held>()
  /** Due again, while as many are out as may be. */
  #due: [ClaimedJob, Memo][] = []
  readonly #told = new Map<JobResult, (recorded: boolean) => void>()
  #lanes: ExchangeLanes | null = null
  #unsubscribe: (() => void) | null = null
  #prefetch: number
  #suspect: ClaimedJob | null = null
  #suspectIsOut = false
  /** Others with crashes may be next: one is claimed at a time. */
  #isCareful = false
  #isStopped = false
  #isWell = true
  #closed: Promise<void> | null = null

  constructor(parts: ConsumerParts, options: ConsumeOptions, onDelivery: (delivery: Delivery) => void) {
    const { store, driver, queue, rounds } = parts
    this.#parts = parts
    this.#options = options
    this.#onDelivery = onDelivery
    this.#prefetch = options.prefetch
    this.#lease = new Lease(store.clock, this)
    this.#retries = new HeldRetries(store.clock, (job, memo) => this.#isDue(job, memo))
    this.#upkeep = new Upkeep({
      queue,
      store,
      rounds,
      driver,
      counters: new Counters(),
      keep: KEEP,
      onError: (error) => this.failed(error),
      onLook: (queued) => {
        if (queued) this.#lanes?.wake()
        parts.onLook()
      },
    })
  }

  async start(): Promise<void> {
    const { hub, leases, driver, queue, store } = this.#parts
    const what = `consume ${queue}`
    this.#unsubscribe = await store.call(what, () => hub.subscribe(queue, (signal) => this.#onSignal(signal)))
    try {
      const hold = await store.call(what, () => leases.hold(queue, KEEP, (news) => this.#lease.onNews(news)))
      this.#lease.hold = hold
      const send = (exchange: Parameters<typeof driver.exchange>[2]) => driver.exchange(queue, hold.worker, exchange)
      this.#lanes = new ExchangeLanes(send, this, KEEP, store.clock)
    } catch (error) {
      this.#unsubscribe()
      throw error
    }
    this.#upkeep.start()
    this.#lanes.wake()
  }

  // What its owner says.

  setPrefetch(prefetch: number): Promise<void> {
    this.#prefetch = prefetch
    this.#handOutDue()
    this.#lanes?.wake()
    return Promise.resolve()
  }

  stop(): Promise<void> {
    this.#isStopped = true
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#isStopped = true
    this.#upkeep.stop()
    this.#retries.clear()
    this.#out.clear()
    if (this.#lanes !== null) await this.#within(this.#lanes.settled())
    this.#lanes?.stop()
    this.#unsubscribe?.()
    const { hold } = this.#lease
    this.#lease.hold = null
    // What is still claimed goes back to its places with the lease.
    if (hold !== null) await this.#within(hold.release())
    this.#claims.clear()
    for (const tell of this.#told.values()) tell(false)
    this.#told.clear()
    this.#parts.onClosed(this)
  }

  /** What does not come about in time is left to the lease's end: nothing is lost by it, only later. */
  async #within(work: Promise<unknown>): Promise<void> {
    const done = new AbortController()
    try {
      await Promise.race([work, pause(this.#parts.store.clock, LAST_WORDS_MS, done.signal)])
    } catch (error) {
      this.failed(error)
    }
    done.abort()
  }

  // What the lanes ask.

  room(): number {
    if (this.#isStopped || this.#suspect !== null) return 0
    return (this.#isCareful ? Math.min(1, this.#prefetch) : this.#prefetch) - this.#busy - (this.#lanes?.asked ?? 0)
  }

  buffered(): number {
    return 0
  }

  /** Deliveries come in batches as they are. */
  claimApart(): null {
    return null
  }

  holding(): string[] {
    return [...this.#claims.keys()].map(({ id }) => id)
  }

  answered({ jobs, refused }: Exchanged, results: readonly JobResult[], uncertain: ReadonlySet<string>): void {
    this.#well()
    const no = new Set(refused)
    for (const result of results) {
      // Refused when it is sent again: then it had arrived the first time.
      this.#told.get(result)?.(!no.has(result.job.id) || uncertain.has(result.job.id))
      this.#told.delete(result)
    }
    if (jobs.length > 0) this.#took(jobs)
    this.#handOutSuspect()
  }

  failed(error: unknown): void {
    if (!this.#isWell || this.#closed !== null) return
    this.#isWell = false
    this.#options.onHealth?.(false, error)
  }

  unleased(): void {
    void this.#lease.renew()
  }

  // What its lease says.

  lose(at: number): void {
    for (const [job, since] of this.#claims) if (since < at) this.#drop(job)
    for (const held of this.#out) if (!this.#claims.has(held.job)) this.#out.delete(held)
    this.#due = this.#due.filter(([job]) => this.#claims.has(job))
    this.#lanes?.resume()
  }

  renewed(): void {
    this.#lanes?.resume()
  }

  #onSignal(signal: Signal): void {
    if (signal.kind === 'reconnected') {
      this.#upkeep.reconnected()
      this.#lanes?.reconnected()
    } else if (signal.kind === 'work' || signal.kind === 'settings') this.#lanes?.wake()
  }

  #well(): void {
    if (this.#isWell) return
    this.#isWell = true
    this.#options.onHealth?.(true)
  }

  /** Out, or about to be. */
  get #busy(): number {
    return this.#claims.size - this.#retries.size - this.#due.length
  }

  #took(jobs: readonly ClaimedJob[]): void {
    const suspect = jobs.find(({ crashes }) => crashes > 0)
    const room = this.#isStopped || this.#suspect !== null ? 0 : Math.max(0, this.#prefetch - this.#busy)
    const taken = suspect === undefined || room === 0 ? jobs.slice(0, room) : [suspect]
    const now = this.#parts.store.clock.now()
    for (const job of taken) this.#claims.set(job, now)
    for (const job of jobs) if (!this.#claims.has(job)) void this.#record({ kind: 'released', job })
    if (taken.length === 0) return
    this.#isCareful = suspect !== undefined
    if (suspect !== undefined) this.#suspect = suspect
    else this.#prepare(taken)
  }

  /** Only when nothing else is in this consumer's hands, or on its way into or out of them. */
  #handOutSuspect(): void {
    const suspect = this.#suspect
    if (suspect === null || this.#suspectIsOut || this.#busy > 1 || this.#told.size > 0) return
    if ((this.#lanes?.asked ?? 0) > 0) return
    this.#suspectIsOut = true
    this.#prepare([suspect])
  }

  #prepare(jobs: readonly ClaimedJob[]): void {
    const known = jobs.filter(({ failures, group }) => failures === 0 && group === null)
    for (const job of known) this.#handOut(job, NO_PAST)
    if (known.length < jobs.length) void this.#lookUp(jobs.filter((job) => !known.includes(job)))
  }

  /** When they first failed, and what an earlier consumer noted, is not in the claim. */
  async #lookUp(jobs: readonly ClaimedJob[]): Promise<void> {
    const { driver, queue } = this.#parts
    try {
      const records = await driver.get(
        queue,
        jobs.map(({ id }) => id),
      )
      for (const [index, job] of jobs.entries()) this.#goOn(job, records[index] ?? null)
    } catch (error) {
      this.failed(error)
      for (const job of jobs) if (this.#drop(job)) void this.#record({ kind: 'released', job })
    }
  }

  #goOn(job: ClaimedJob, record: JobRecord | null): void {
    if (!this.#claims.has(job)) return
    const memo = record === null || job.group === null ? null : memoOf(record)
    if (memo !== null && memo.dueAt > this.#parts.store.clock.wall()) return this.#wait(job, memo)
    const firstFailedAt = memo?.firstFailedAt ?? record?.firstFailedAt ?? null
    this.#handOut(job, { failures: (memo?.failures ?? 0) + job.failures, firstFailedAt })
  }

  #handOut(job: ClaimedJob, past: Past): void {
    const held = new Held(job, past, (each, outcome) => this.#settle(each, outcome))
    this.#out.add(held)
    this.#onDelivery(held)
  }

  async #settle(held: Held, outcome: Settlement): Promise<boolean> {
    const { job } = held
    if (!this.#out.delete(held)) return false
    if (outcome.kind === 'retry' && job.group !== null) return this.#keep(held, outcome.delayMs)
    if (!this.#drop(job)) return false
    const recorded = this.#record(resultOf(job, outcome))
    this.#handOutDue()
    return recorded
  }

  async #keep({ job, past }: Held, delayMs: number): Promise<boolean> {
    const { driver, queue, store } = this.#parts
    const now = store.clock.wall()
    const memo = {
      failures: past.failures + 1,
      firstFailedAt: past.firstFailedAt ?? now,
      dueAt: now + Math.max(0, delayMs),
    }
    const progress = JSON.stringify(memo)
    const noted = await store.call(`note a failure in ${queue}`, () =>
      driver.note(queue, job.id, job.fence, { progress }),
    )
    if (!noted) this.#drop(job)
    if (!this.#claims.has(job) || this.#closed !== null) return noted
    this.#wait(job, memo)
    return true
  }

  #wait(job: ClaimedJob, memo: Memo): void {
    if (this.#suspect === job) this.#endSuspicion()
    this.#retries.add(job, memo)
    this.#lanes?.wake()
  }

  #isDue(job: ClaimedJob, memo: Memo): void {
    this.#due.push([job, memo])
    this.#handOutDue()
  }

  #handOutDue(): void {
    while (this.#out.size < this.#prefetch && this.#suspect === null) {
      const next = this.#due.shift()
      if (next === undefined) return
      this.#handOut(next[0], next[1])
    }
  }

  /** It is no longer in our hands. @returns false when it was not any more */
  #drop(job: ClaimedJob): boolean {
    this.#retries.forget(job)
    const was = this.#claims.delete(job)
    if (this.#suspect === job) this.#endSuspicion()
    return was
  }

  #endSuspicion(): void {
    this.#suspect = null
    this.#suspectIsOut = false
    this.#lanes?.wake()
  }

  #record(result: JobResult): Promise<boolean> {
    return new Promise((resolve) => {
      this.#told.set(result, resolve)
      this.#lanes?.deliver(result)
      this.#lanes?.plan()
    })
  }
}
