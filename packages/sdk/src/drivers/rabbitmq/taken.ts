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

  async settle(outcome: Settlement): Promise<boolean> {
    if (this.settled || !this.tap.acks.open) return false
    return this.#settle(this, outcome)
  }
}
