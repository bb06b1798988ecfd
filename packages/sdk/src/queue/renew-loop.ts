import type { Clock } from './clock.ts'
import type { LeaseKeeper, Renewed, WorkerInfo } from './driver.ts'

export interface LeaseTimes {
  /** How long a worker may be silent before its jobs are taken back. */
  readonly leaseMs: number
  /** How often the lease is renewed. */
  readonly heartbeatMs: number
}

export interface HeldQueues {
  readonly worker: WorkerInfo
  readonly queues: readonly string[]
}

export interface Renewal {
  readonly worker: string
  /** When the call was begun, in ms since 1970 by this machine. */
  readonly at: number
  /** Null when the call failed. */
  readonly renewed: Renewed | null
  readonly error: string | null
}

/** After a failed renewal, so that a lease survives a short outage of the store. */
const RETRY_MS = 500

/** Renews the leases of all workers of this process, again and again: in the lease thread, or in the main one. */
export class RenewLoop {
  #held: readonly HeldQueues[] = []
  #cancel: (() => void) | null = null
  #round: Promise<void> = Promise.resolve()
  #stopped = false
  readonly #keeper: Pick<LeaseKeeper, 'renew'>
  readonly #times: LeaseTimes
  readonly #clock: Clock
  readonly #report: (renewal: Renewal) => void
  readonly #mayRenew: () => boolean

  constructor(
    keeper: Pick<LeaseKeeper, 'renew'>,
    times: LeaseTimes,
    clock: Clock,
    report: (renewal: Renewal) => void,
    mayRenew: () => boolean = () => true,
  ) {
    this.#keeper = keeper
    this.#times = times
    this.#clock = clock
    this.#report = report
    this.#mayRenew = mayRenew
  }

  /**
   * What is to be renewed from now on. Resolves when no renewal of the earlier set is under way any more.
   * @param firstMs when to begin, if nothing was renewed before
   */
  async set(held: readonly HeldQueues[], firstMs: number = this.#times.heartbeatMs): Promise<void> {
    this.#held = held
    if (held.length === 0) {
      this.#cancel?.()
      this.#cancel = null
    } else if (this.#cancel === null) this.#plan(firstMs)
    await this.#round
  }

  /** Resolves when no renewal is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#held = []
    this.#cancel?.()
    await this.#round
  }

  #plan(ms: number): void {
    this.#cancel?.()
    this.#cancel = this.#clock.after(
      ms,
      () => {
        this.#round = this.#renewAll()
      },
      true,
    )
  }

  async #renewAll(): Promise<void> {
    let wait = this.#times.heartbeatMs
    if (this.#mayRenew()) {
      const all = await Promise.all(this.#held.map((held) => this.#renew(held)))
      if (all.includes(false)) wait = Math.min(RETRY_MS, wait)
    }
    if (this.#stopped) return
    if (this.#held.length === 0) this.#cancel = null
    else this.#plan(wait)
  }

  async #renew({ worker, queues }: HeldQueues): Promise<boolean> {
    const at = this.#clock.wall()
    try {
      const renewed = await this.#keeper.renew(worker, queues, this.#times.leaseMs)
      this.#report({ worker: worker.id, at, renewed, error: null })
      return true
    } catch (error) {
      this.#report({
        worker: worker.id,
        at,
        renewed: null,
        error: error instanceof Error ? error.message : String(error),
      })
      return false
    }
  }
}
