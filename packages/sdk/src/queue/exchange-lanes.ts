import type { Clock } from './clock.ts'
import type { Exchange, Exchanged, JobResult, KeepPolicy } from './driver.ts'
import { QuickerWay } from './quicker-way.ts'
import { FIRST_PAUSE_MS, MAX_PAUSE_MS } from './store-call.ts'

/** Jobs that one exchange claims, and results that it carries, at most. */
const MAX_EXCHANGE = 1000
const LANES = 2
/** Beside claims that go apart: results that wait for a disk share its next write, if they are there when it begins. */
const LANES_APART = 4
/** Results wait so long for company when enough jobs are at hand. */
const LINGER_MS = 5
/** From this many jobs in hand on, claims are halved so that both lanes carry. */
const SPLIT_FROM = 32
/** A call that timed out may be carried out late: what we hold is told again after these times. */
const HOLDS_AGAIN_MS = [5_000, 30_000] as const

export interface LaneHost {
  /** How many jobs this worker could take beyond what it has and has asked for. */
  room(): number
  /** Jobs in hand that have not been started. */
  buffered(): number
  /** Ids of all that it holds, without those in results. */
  holding(): string[]
  /** Claims without waiting for what results wait for. Null: not quicker, or there is something to do until an answer comes. */
  claimApart(): ((want: number) => Promise<Exchanged>) | null
  answered(answer: Exchanged, results: readonly JobResult[], uncertain: ReadonlySet<string>): void
  failed(error: unknown): void
  /** The lease was not there: renew it, then call `resume`. */
  unleased(): void
}

/**
 * The round trips of one consumer: results go out and claims come in together, on two lanes when there is enough for two.
 * Results are kept until an answer says that they have arrived. Few results of a worker that has nothing left to do go
 * beside the claim instead, where the store can claim quicker than it can record.
 */
export class ExchangeLanes {
  readonly #results: JobResult[] = []
  /** Ids of results that went out at least once without an answer: if they are refused now, they had arrived then. */
  readonly #uncertain = new Set<string>()
  #lanes = 0
  #asked = 0
  #mayBeMore = true
  #signals = 0
  #planned = false
  #eager = false
  #lingering: (() => void) | null = null
  #again: (() => void) | null = null
  #againAt = Number.POSITIVE_INFINITY
  #holdsDue = false
  /** What we hold is being told: a claim beside it could be taken for one that got lost. */
  #telling = false
  #wait = 0
  #halted: (() => void) | 'unleased' | null = null
  #stopped = false
  #waiters: (() => void)[] = []
  readonly #send: (exchange: Exchange) => Promise<Exchanged>
  readonly #host: LaneHost
  readonly #keep: KeepPolicy
  readonly #clock: Clock
  readonly #way: Pick<QuickerWay, 'apart' | 'took'>
  /** When the first result came since jobs were claimed last. */
  #resultAt: number | null = null
  /** It had nothing left to do then, and could have claimed apart. */
  #wasIdle = false

  constructor(
    send: (exchange: Exchange) => Promise<Exchanged>,
    host: LaneHost,
    keep: KeepPolicy,
    clock: Clock,
    way: Pick<QuickerWay, 'apart' | 'took'> = new QuickerWay(),
  ) {
    this.#send = send
    this.#host = host
    this.#keep = keep
    this.#clock = clock
    this.#way = way
  }

  /** Jobs that were asked for in exchanges under way. */
  get asked(): number {
    return this.#asked
  }

  /** Results have not arrived yet, or an exchange is under way. */
  get busy(): boolean {
    return !this.#stopped && (this.#lanes > 0 || this.#results.length > 0)
  }

  get #most(): number {
    return this.#way.apart ? LANES_APART : LANES
  }

  /** Resolves when all results have arrived, or at the stop. */
  settled(): Promise<void> {
    this.plan()
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
      this.#tellSettled()
    })
  }

  deliver(result: JobResult): void {
    this.#results.push(result)
    this.#resultAt ??= this.#clock.now()
    if (this.#results.length >= SPLIT_FROM && !this.#eager) this.#lookSoon()
  }

  /** There may be work: ask as soon as there is room. */
  wake(): void {
    this.#signals += 1
    this.#mayBeMore = true
    this.plan()
  }

  /** The store is back: no more waiting. */
  reconnected(): void {
    if (typeof this.#halted === 'function') {
      this.#halted()
      this.#halted = null
    }
    this.wake()
  }

  /** Ends a halt: the lease was renewed. */
  resume(): void {
    if (this.#halted === 'unleased') this.#halted = null
    this.#mayBeMore = true
    this.plan()
  }

  /** Asks for a look at the end of this turn of the event loop, once for all that happens in it. */
  plan(): void {
    if (this.#planned || this.#halted !== null || this.#lanes >= this.#most) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      this.#look(false)
    })
  }

  /**
   * As soon as the running callback and its promises are done, before the next answer is read: else the results of both
   * lanes would go out together, and the store would wait for us with both hands empty, and we for it.
   */
  #lookSoon(): void {
    this.#eager = true
    process.nextTick(() => {
      this.#eager = false
      this.#look(false)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#lingering?.()
    this.#again?.()
    if (typeof this.#halted === 'function') this.#halted()
    this.#tellSettled()
  }

  #tellSettled(): void {
    if (this.busy) return
    for (const resolve of this.#waiters.splice(0)) resolve()
  }

  #look(lingered: boolean): void {
    while (!this.#stopped && this.#halted === null && this.#lanes < this.#most) {
      if (this.#telling || (this.#holdsDue && this.#lanes > 0)) return
      const room = this.#mayBeMore ? this.#host.room() : 0
      if (this.#goApart(room)) continue
      if (this.#lanes >= LANES || !this.#worthIt(room, lingered)) return
      this.#go()
    }
  }

  /** The claim first, so that it is nearly always safe as soon as the results are. @returns whether it did */
  #goApart(room: number): boolean {
    const few = this.#results.length > 0 && this.#results.length < SPLIT_FROM
    const claim = few && room > 0 && this.#asked === 0 && !this.#holdsDue ? this.#host.claimApart() : null
    if (claim === null) return false
    this.#wasIdle = true
    if (!this.#way.apart) return false
    const want = Math.min(MAX_EXCHANGE, room)
    this.#carry({ results: [], want, keep: this.#keep }, () => claim(want))
    const record = { results: this.#results.splice(0), want: 0, keep: this.#keep }
    this.#carry(record, () => this.#send(record))
    return true
  }

  #worthIt(room: number, lingered: boolean): boolean {
    const results = this.#results.length
    const stock = this.#host.buffered()
    const share = Math.max(8, stock >> 1)
    if (this.#lanes > 0) return room >= SPLIT_FROM && room >= share ? true : results >= Math.max(SPLIT_FROM, share)
    if (this.#holdsDue) return true
    if (results === 0) return room > 0 && (stock === 0 || room >= share)
    if (lingered || stock === 0 || results >= share) return true
    this.#lingering ??= this.#clock.after(LINGER_MS, () => {
      this.#lingering = null
      this.#look(true)
    })
    return false
  }

  #go(): void {
    const results = this.#results.splice(0, MAX_EXCHANGE)
    const room = Math.max(0, this.#host.room())
    const want = Math.min(MAX_EXCHANGE, room >= SPLIT_FROM && this.#lanes === 0 ? Math.ceil(room / 2) : room)
    const holds = this.#holdsDue ? this.#holds(results) : undefined
    this.#holdsDue = false
    this.#telling = holds !== undefined
    const exchange = { results, want, keep: this.#keep, ...(holds && { holds }) }
    this.#carry(exchange, () => this.#send(exchange))
  }

  #carry(exchange: Exchange, send: () => Promise<Exchanged>): void {
    this.#lanes += 1
    this.#asked += exchange.want
    const signals = this.#signals
    send().then(
      (answer) => this.#answered(answer, exchange, signals),
      (error: unknown) => this.#failed(error, exchange),
    )
  }

  #holds(results: readonly JobResult[]): string[] {
    return this.#host.holding().concat([...results, ...this.#results].map((result) => result.job.id))
  }

  #answered(answer: Exchanged, { results, want }: Exchange, signals: number): void {
    this.#lanes -= 1
    this.#asked -= want
    this.#telling = false
    this.#wait = 0
    if (!answer.leased) return this.#halt(results)
    if (want > 0) this.#measure(answer.jobs.length > 0)
    // Less than asked for: there is no more, unless a signal has come in the meantime.
    if (want > 0 && answer.jobs.length < want) this.#mayBeMore = this.#signals !== signals
    if (answer.againInMs !== null) this.#askAgain(answer.againInMs)
    this.#host.answered(answer, results, this.#uncertain)
    if (this.#uncertain.size > 0) for (const result of results) this.#uncertain.delete(result.job.id)
    this.plan()
    this.#tellSettled()
  }

  #measure(hasJobs: boolean): void {
    if (hasJobs && this.#wasIdle && this.#resultAt !== null) this.#way.took(this.#clock.now() - this.#resultAt)
    this.#forgetIdle()
  }

  #forgetIdle(): void {
    this.#wasIdle = false
    this.#resultAt = null
  }

  #halt(results: readonly JobResult[]): void {
    this.#results.unshift(...results)
    if (this.#halted !== null) return
    this.#halted = 'unleased'
    this.#host.unleased()
  }

  #failed(error: unknown, { results, want }: Exchange): void {
    this.#lanes -= 1
    this.#asked -= want
    this.#telling = false
    this.#results.unshift(...results)
    for (const result of results) this.#uncertain.add(result.job.id)
    this.#mayBeMore = true
    this.#holdsDue = true
    this.#forgetIdle()
    this.#host.failed(error)
    if (this.#halted !== null || this.#stopped) return
    this.#wait = Math.min(Math.max(this.#wait * 2, FIRST_PAUSE_MS), MAX_PAUSE_MS)
    for (const ms of HOLDS_AGAIN_MS) this.#clock.after(ms, () => this.#tellHolds(), true)
    this.#halted = this.#clock.after(this.#wait, () => {
      this.#halted = null
      this.#look(true)
    })
  }

  #tellHolds(): void {
    this.#holdsDue = true
    this.plan()
  }

  #askAgain(ms: number): void {
    const at = this.#clock.now() + ms
    if (at >= this.#againAt) return
    this.#again?.()
    this.#againAt = at
    this.#again = this.#clock.after(ms, () => {
      this.#again = null
      this.#againAt = Number.POSITIVE_INFINITY
      this.wake()
    })
  }
}
