import type { Clock } from './clock.ts'
import type { QueueDriver } from './driver.ts'
import type { Glance } from './glance.ts'

/** Every queue is looked at so often at least; spread so that processes do not look together. */
const LOOK_MS = 4_000
const SPREAD = 0.25

/** One queue that wants to be looked at. */
export interface Visited {
  readonly queue: string
  /** Does what there is to do. Never rejects. @returns in how many ms it wants to be looked at before the others; null = it does not */
  visit(glance: Glance): Promise<number | null>
  /** The look failed. */
  failed(error: unknown): void
}

/**
 * Looks after all queues that this process consumes on one store: one timer and one call for all of them, however many they
 * are, and calls for a single queue only where that look has found something. A queue that knows of a time of its own (a
 * delayed job, the end of a lease) is looked at then, by itself.
 */
export class Rounds {
  /** When each wants to be looked at besides; infinite = with the others only. */
  readonly #members = new Map<Visited, number>()
  readonly #busy = new Set<Visited>()
  readonly #driver: Pick<QueueDriver, 'glance'>
  readonly #clock: Clock
  #usualAt = Number.POSITIVE_INFINITY
  #timerAt = Number.POSITIVE_INFINITY
  #cancel: (() => void) | null = null
  #looking = false
  #planned = false

  constructor(driver: Pick<QueueDriver, 'glance'>, clock: Clock) {
    this.#driver = driver
    this.#clock = clock
  }

  join(member: Visited): void {
    if (this.#members.size === 0) this.#usualAt = this.#nextUsual()
    this.#members.set(member, Number.POSITIVE_INFINITY)
    this.look(member)
  }

  leave(member: Visited): void {
    this.#members.delete(member)
    if (this.#members.size === 0) this.#disarm()
  }

  /** As soon as possible: with all others of which it is said in this turn of the event loop. */
  look(member: Visited): void {
    if (!this.#members.has(member)) return
    this.#members.set(member, Number.NEGATIVE_INFINITY)
    if (this.#planned) return
    this.#planned = true
    queueMicrotask(() => {
      this.#planned = false
      this.#go(Number.NEGATIVE_INFINITY)
    })
  }

  /** @param at the time for which the timer was set: a clock may fire a little early */
  #go(at: number): void {
    if (this.#looking) return
    const isUsual = at >= this.#usualAt
    if (isUsual) this.#usualAt = this.#nextUsual()
    const due = [...this.#members]
      .filter(([member, wantedAt]) => (isUsual || wantedAt <= at) && !this.#busy.has(member))
      .map(([member]) => member)
    if (due.length === 0) return this.#arm()
    for (const member of due) this.#members.set(member, Number.POSITIVE_INFINITY)
    this.#looking = true
    void this.#look(due)
  }

  async #look(due: readonly Visited[]): Promise<void> {
    try {
      const glances = await this.#driver.glance([...new Set(due.map(({ queue }) => queue))])
      for (const member of due) void this.#visit(member, glances.get(member.queue) ?? NOTHING)
    } catch (error) {
      for (const member of due) if (this.#members.has(member)) member.failed(error)
    }
    this.#looking = false
    this.#go(Number.NEGATIVE_INFINITY)
  }

  /** Beside the look at the others: taking back the jobs of a dead worker may take a while. */
  async #visit(member: Visited, glance: Glance): Promise<void> {
    if (!this.#members.has(member)) return
    this.#busy.add(member)
    const againInMs = await member.visit(glance)
    this.#busy.delete(member)
    const wantedAt = this.#members.get(member)
    if (wantedAt === undefined) return
    const again = againInMs === null ? Number.POSITIVE_INFINITY : this.#clock.now() + Math.max(1, againInMs)
    this.#members.set(member, Math.min(wantedAt, again))
    if (wantedAt === Number.NEGATIVE_INFINITY) this.#go(wantedAt)
    else this.#arm()
  }

  /** One timer, for whatever comes first. */
  #arm(): void {
    if (this.#members.size === 0) return
    let first = this.#usualAt
    for (const wantedAt of this.#members.values())
      if (wantedAt > Number.NEGATIVE_INFINITY && wantedAt < first) first = wantedAt
    if (this.#cancel !== null && this.#timerAt === first) return
    this.#disarm()
    this.#timerAt = first
    this.#cancel = this.#clock.after(Math.max(1, first - this.#clock.now()), () => {
      this.#cancel = null
      this.#go(first)
    })
  }

  #disarm(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  #nextUsual(): number {
    return this.#clock.now() + LOOK_MS * (1 + SPREAD * (2 * Math.random() - 1))
  }
}

const NOTHING: Glance = { queued: false, relays: false, schedules: false, maintain: false, againInMs: null }
