import { expect } from 'vitest'
import type { ClaimedJob, Exchange, Exchanged, JobResult, KeepPolicy, QueueDriver, Renewed } from '../driver.ts'
import type { QueueContext } from './harness-contract.ts'
import { HOUR, KEEP_ALL } from './jobs-contract.ts'

let workers = 0

export interface Hiring {
  readonly driver?: QueueDriver
  readonly queue?: string
}

/** A worker that does by hand what the code above the seam does. Its lease is long; see `vanish`. */
export class Hand {
  readonly id: string
  readonly queue: string
  readonly #driver: QueueDriver
  readonly #context: QueueContext

  private constructor(context: QueueContext, hiring: Hiring) {
    workers += 1
    this.id = `worker-${workers}`
    this.#context = context
    this.#driver = hiring.driver ?? context.driver
    this.queue = hiring.queue ?? context.queue
  }

  static async hire(context: QueueContext, hiring: Hiring = {}): Promise<Hand> {
    const hand = new Hand(context, hiring)
    await hand.renew()
    return hand
  }

  renew(leaseMs = HOUR): Promise<Renewed> {
    return this.#driver.renew({ id: this.id, about: '{"host":"test"}' }, [this.queue], leaseMs)
  }

  leave(keep?: KeepPolicy): Promise<void> {
    return this.#driver.leave(this.id, [this.queue], keep)
  }

  exchange(request: Partial<Exchange>): Promise<Exchanged> {
    return this.#driver.exchange(this.queue, this.id, { results: [], want: 0, keep: KEEP_ALL, ...request })
  }

  async claim(want = 1): Promise<readonly ClaimedJob[]> {
    return (await this.exchange({ want })).jobs
  }

  async claimOne(): Promise<ClaimedJob> {
    const [job] = await this.claim(1)
    if (job === undefined) throw new Error(`queue ${this.queue} has nothing to claim`)
    return job
  }

  async claimIds(want: number): Promise<string[]> {
    return (await this.claim(want)).map((job) => job.id)
  }

  /** Records results that must be accepted. */
  async record(...results: readonly JobResult[]): Promise<void> {
    expect(await this.exchange({ results })).toMatchObject({ refused: [], leased: true })
  }

  succeed(...jobs: readonly ClaimedJob[]): Promise<void> {
    return this.record(...jobs.map((job) => succeeded(job)))
  }

  /** Its lease runs out; nobody has noticed yet. */
  async vanish(): Promise<void> {
    await this.renew(1)
    await this.#context.advance(30)
  }

  /** The same, and what it was running is taken back. */
  async crash(keep?: KeepPolicy): Promise<void> {
    await this.vanish()
    await this.#context.other.maintain(this.queue, keep)
  }
}

export function succeeded(job: ClaimedJob, value: string | null = null): JobResult {
  return { kind: 'succeeded', job, value }
}

export function failed(job: ClaimedJob, delayMs: number, error = '{"message":"boom"}'): JobResult {
  return { kind: 'retry', job, delayMs, error }
}

export function died(job: ClaimedJob, error = '{"message":"boom"}'): JobResult {
  return { kind: 'dead', job, reason: 'attempts', error }
}

export function released(job: ClaimedJob): JobResult {
  return { kind: 'released', job }
}

export function cancelledBy(job: ClaimedJob, reason: string): JobResult {
  return { kind: 'cancelled', job, reason }
}
