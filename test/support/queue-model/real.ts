import type { ClaimedJob, Exchanged, JobResult, NewJob, QueueDriver } from '../../../packages/sdk/src/queue/driver.ts'
import type { Outcome } from './model.ts'

const HOUR = 3_600_000
/** A short delay, and a wait after which it is over for sure. */
export const SOON_MS = 10
export const LONGER_THAN_SOON_MS = 40
export const KEEP = { count: 1_000_000, ageMs: 24 * HOUR }
const KEEP_ALL = { succeeded: KEEP, cancelled: KEEP, dead: KEEP }

export interface Claim {
  readonly worker: string
  readonly job: ClaimedJob
}

/** The driver under test, as the commands use it. */
export class Real {
  readonly queue: string
  readonly drivers: readonly QueueDriver[]
  readonly advance: (ms: number) => Promise<void>
  #softly = false
  /** Every claim there ever was, so that stale results can be sent. */
  readonly claims: Claim[] = []
  /** The claim under which a job is running. */
  readonly current = new Map<string, Claim>()

  constructor(queue: string, drivers: readonly QueueDriver[], advance: (ms: number) => Promise<void>) {
    this.queue = queue
    this.drivers = drivers
    this.advance = advance
  }

  /** Workers are spread over the drivers. */
  driverOf(worker: string): QueueDriver {
    const driver = this.drivers[worker.length % this.drivers.length]
    if (driver === undefined) throw new Error('there is no driver')
    return driver
  }

  get driver(): QueueDriver {
    return this.driverOf('')
  }

  renew(worker: string, leaseMs = HOUR) {
    return this.driverOf(worker).renew({ id: worker, about: '{}' }, [this.queue], leaseMs)
  }

  /** Claims alone are made in both ways, in turns, where there are two. */
  exchange(worker: string, results: readonly JobResult[], want: number): Promise<Exchanged> {
    const driver = this.driverOf(worker)
    this.#softly = !this.#softly
    if (this.#softly && results.length === 0 && driver.claimSoftly !== undefined)
      return driver.claimSoftly(this.queue, worker, want)
    return driver.exchange(this.queue, worker, { results, want, keep: KEEP_ALL })
  }
}

export function resultOf(job: ClaimedJob, outcome: Outcome): JobResult {
  switch (outcome) {
    case 'succeeded':
      return { kind: 'succeeded', job, value: '"done"' }
    case 'retry-soon':
      return { kind: 'retry', job, delayMs: SOON_MS, error: '{}' }
    case 'retry-late':
      return { kind: 'retry', job, delayMs: HOUR, error: '{}' }
    case 'dead':
      return { kind: 'dead', job, reason: 'attempts', error: '{}' }
    case 'cancelled':
      return { kind: 'cancelled', job, reason: 'so' }
    case 'released':
      return { kind: 'released', job }
  }
}

export function delayOf(delay: 'none' | 'soon' | 'late'): Pick<NewJob, 'delayMs'> {
  return { delayMs: { none: 0, soon: SOON_MS, late: HOUR }[delay] }
}
