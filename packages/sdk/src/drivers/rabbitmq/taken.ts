import type { Delivery, Settlement } from '../../events/driver.ts'
import type { EventEnvelope } from '../../events/envelope.ts'
import type { Message } from './amqp.ts'
import { eventOf, idOf, type Travel } from './message.ts'
import type { Tap } from './tap.ts'

/** What a consumer does with a settlement. */
export type Settle = (taken: Taken, outcome: Settlement) => Promise<boolean>

/** A message that this process holds, unacknowledged. */
export class Taken implements Delivery {
  readonly event: EventEnvelope | null
  readonly raw: string
  readonly message: Message
  readonly travel: Travel
  readonly tap: Tap
  /** Nothing else of this process ran beside it. */
  exclusive = false
  handedOut = false
  settled = false
  readonly #settle: Settle
  #settling: Promise<unknown> | null = null

  constructor(message: Message, travel: Travel, tap: Tap, settle: Settle) {
    this.message = message
    this.travel = travel
    this.tap = tap
    this.raw = message.content.toString('utf8')
    this.event = eventOf(message, this.raw)
    this.#settle = settle
  }

  get id(): string {
    return idOf(this.message)
  }

  get attempt(): number {
    return this.travel.failures + 1
  }

  /** The death that made it a suspect counts once it has died alone as well. */
  get crashes(): number {
    const { crashes, suspect } = this.travel
    return crashes > 0 && suspect ? crashes + 1 : crashes
  }

  get firstFailedAt(): number | null {
    return this.travel.firstFailedAt
  }

  /** The settlement that is on its way; never rejects. */
  get settling(): Promise<unknown> | null {
    return this.#settling
  }

  /** The first one counts, also while it is on its way; when it fails, another may be tried. */
  async settle(outcome: Settlement): Promise<boolean> {
    if (this.settled || this.#settling !== null || !this.tap.acks.open) return false
    const settlement = this.#settle(this, outcome)
    this.#settling = settlement.catch(() => undefined)
    try {
      return await settlement
    } finally {
      this.#settling = null
    }
  }
}
