import type { Delivery, Settlement } from '../../events/driver.ts'
import type { EventEnvelope } from '../../events/envelope.ts'
import type { ClaimedJob } from '../../queue/driver.ts'
import { decodeEvent } from './delivery-queue.ts'

/** What was known of the delivery when it was taken, beside the claim. */
export interface Past {
  readonly failures: number
  readonly firstFailedAt: number | null
}

/** One delivery in a handler's hands. */
export class Held implements Delivery {
  readonly job: ClaimedJob
  readonly past: Past
  readonly event: EventEnvelope | null
  readonly #settle: (held: Held, outcome: Settlement) => Promise<boolean>

  constructor(job: ClaimedJob, past: Past, settle: (held: Held, outcome: Settlement) => Promise<boolean>) {
    this.job = job
    this.past = past
    this.event = decodeEvent(job.body)
    this.#settle = settle
  }

  get raw(): string {
    return this.event?.data ?? this.job.body
  }
  get attempt(): number {
    return this.past.failures + 1
  }
  get crashes(): number {
    return this.job.crashes
  }
  get firstFailedAt(): number | null {
    return this.past.firstFailedAt
  }

  settle(outcome: Settlement): Promise<boolean> {
    return this.#settle(this, outcome)
  }
}
