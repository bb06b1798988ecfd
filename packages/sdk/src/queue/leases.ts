import { hostname } from 'node:os'
import type { Clock } from './clock.ts'
import type { KeepPolicy, KeeperPlan, QueueDriver, WorkerInfo } from './driver.ts'
import { RenewLoop } from './renew-loop.ts'
import type { HeldQueues, LeaseTimes, Renewal } from './renew-loop.ts'
import { ThreadHost, warnOfNoThread } from './thread-host.ts'
import type { Renewer } from './thread-host.ts'
import { ulid } from './ulid.ts'

export interface LeaseOptions extends LeaseTimes {
  /** So long may a handler block the event loop before the process's leases are let go. */
  readonly maxBlockMs: number
}

/** What became of one renewal, for the consumer of one queue. */
export interface LeaseNews {
  /** When it was begun, ms since 1970 by this machine. */
  readonly at: number
  /** False: the store could not be reached. */
  readonly ok: boolean
  /** True when there was no lease any more: what was claimed before `at` belongs to somebody else. */
  readonly fresh: boolean
  readonly cancelled: readonly string[]
}

export interface Hold {
  readonly worker: string
  /** Renews at once, from the main thread. @throws PandaError store_away */
  renew(): Promise<LeaseNews>
  /** Gives the lease back; what is still running is queued again at once. */
  release(): Promise<void>
}

interface Identity {
  readonly worker: WorkerInfo
  readonly queues: Map<string, (news: LeaseNews) => void>
}

/**
 * The leases of this process: one worker id for all its queues, so that one call renews them all. Only when one queue is
 * consumed twice in a process does the second consumer get an id of its own.
 */
export class Leases {
  readonly #identities: Identity[] = []
  readonly #driver: QueueDriver
  readonly #options: LeaseOptions
  readonly #clock: Clock
  #renewer: Renewer | null = null

  constructor(driver: QueueDriver, options: LeaseOptions, clock: Clock) {
    this.#driver = driver
    this.#options = options
    this.#clock = clock
  }

  /**
   * Makes the lease.
   * @param keep of jobs that end when it is given back
   * @throws PandaError store_away
   */
  async hold(queue: string, keep: KeepPolicy, onNews: (news: LeaseNews) => void): Promise<Hold> {
    const identity = this.#identityFor(queue)
    identity.queues.set(queue, onNews)
    const renew = async (): Promise<LeaseNews> => {
      const at = this.#clock.wall()
      const renewed = await this.#driver.renew(identity.worker, [queue], this.#options.leaseMs)
      return newsOf({ worker: identity.worker.id, at, renewed, error: null }, queue)
    }
    try {
      await renew()
    } catch (error) {
      identity.queues.delete(queue)
      throw error
    }
    this.#renewer ??= this.#startRenewer()
    void this.#tell()
    return { worker: identity.worker.id, renew, release: () => this.#release(identity, queue, keep) }
  }

  async close(): Promise<void> {
    await this.#renewer?.stop()
    this.#renewer = null
  }

  #identityFor(queue: string): Identity {
    const free = this.#identities.find((identity) => !identity.queues.has(queue))
    if (free !== undefined) return free
    const about = JSON.stringify({ host: hostname(), pid: process.pid, app: process.env['PANDA_APP'] ?? null })
    const identity = { worker: { id: ulid(), about }, queues: new Map<string, (news: LeaseNews) => void>() }
    this.#identities.push(identity)
    return identity
  }

  async #release(identity: Identity, queue: string, keep: KeepPolicy): Promise<void> {
    identity.queues.delete(queue)
    await this.#tell()
    await this.#driver.leave(identity.worker.id, [queue], keep)
  }

  async #tell(): Promise<void> {
    const held: HeldQueues[] = this.#identities
      .filter((identity) => identity.queues.size > 0)
      .map((identity) => ({ worker: identity.worker, queues: [...identity.queues.keys()] }))
    await this.#renewer?.set(held)
  }

  #startRenewer(): Renewer {
    const report = (renewal: Renewal): void => this.#spread(renewal)
    const loop = new RenewLoop(this.#driver, this.#options, this.#clock, report)
    const plan = this.#keeperPlan()
    if (plan === null) return loop
    return new ThreadHost({ plan, times: this.#options, maxBlockMs: this.#options.maxBlockMs, report, standIn: loop })
  }

  /** Null when only the main thread can renew. */
  #keeperPlan(): KeeperPlan | null {
    try {
      return this.#driver.keeperPlan()
    } catch (error) {
      // A bundle in CommonJS does not know where its files are.
      warnOfNoThread(error, this.#options.leaseMs)
      return null
    }
  }

  #spread(renewal: Renewal): void {
    const identity = this.#identities.find((one) => one.worker.id === renewal.worker)
    if (identity === undefined) return
    for (const [queue, onNews] of identity.queues) onNews(newsOf(renewal, queue))
  }
}

function newsOf({ at, renewed }: Renewal, queue: string): LeaseNews {
  return {
    at,
    ok: renewed !== null,
    fresh: renewed?.fresh.includes(queue) ?? false,
    cancelled: renewed?.cancelled.get(queue) ?? [],
  }
}
