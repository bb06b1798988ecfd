import type { Settlement } from '../../events/driver.ts'
import type { Message } from './amqp.ts'
import type { Intake } from './intake.ts'
import { idOf, type Travel, travelOf } from './message.ts'
import type { StrictEntry, StrictState } from './strict-state.ts'
import { Taken } from './taken.ts'
import type { Tap } from './tap.ts'

interface Item {
  readonly message: Message
  readonly tap: Tap
  readonly id: string
  readonly key: string
  /** A consumer has died, or lost its channel, with this one among what it held. */
  suspect: boolean
  readonly survived: boolean
  current: Taken | null
}

export interface StrictParts {
  readonly intake: Intake
  readonly load: () => Promise<StrictState>
  readonly save: (state: StrictState) => Promise<void>
  /** Sends a dead event on its way. */
  readonly bury: (taken: Taken, outcome: Settlement) => Promise<void>
  readonly handOut: (taken: Taken) => void
  readonly onError: (error: unknown) => void
}

/**
 * One event of a key at a time, in order; events without a key are one row. A retry waits in its place, unacknowledged, and
 * its attempts are kept beside the queue, since a message that stays cannot be changed. What comes again after a crash is
 * run one by one, each recorded before it starts.
 */
export class StrictOrder {
  readonly #parts: StrictParts
  #items: Item[] = []
  #state: StrictState = new Map()
  #loaded: Promise<void> | null = null
  readonly #running = new Set<string>()
  #stopped = false
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(parts: StrictParts) {
    this.#parts = parts
  }

  add(message: Message, tap: Tap, survived: boolean): void {
    const travel = travelOf(message)
    const { headers } = message.properties
    const key = headers?.['cloudEvents:partitionkey']
    const { redelivered } = message.fields
    this.#items.push({
      message,
      tap,
      id: idOf(message),
      key: typeof key === 'string' ? `k${key}` : '',
      suspect: redelivered || travel.suspect,
      survived: redelivered && survived,
      current: null,
    })
    this.#pump()
  }

  get handedOut(): number {
    return this.#items.filter(({ current }) => current?.handedOut === true && !current.settled).length
  }

  /** Starts nothing more. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
  }

  /** @returns ids of all that was taken */
  reset(): readonly string[] {
    const ids = this.#items.map(({ id }) => id)
    this.stop()
    this.#items = []
    this.#running.clear()
    return ids
  }

  #pump(): void {
    if (this.#stopped) return
    const alone = this.#items.some(({ suspect }) => suspect)
    for (const item of this.#items) {
      if (alone && (this.#running.size > 0 || !item.suspect)) continue
      if (this.#running.has(item.key) || item.current !== null) continue
      this.#running.add(item.key)
      this.#start(item).catch(this.#parts.onError)
      if (alone) return
    }
  }

  async #start(item: Item): Promise<void> {
    if (item.suspect) {
      this.#loaded ??= this.#load()
      await this.#loaded
    }
    const known = this.#state.get(item.key)
    const before = known?.id === item.id ? known.travel : travelOf(item.message)
    if (item.suspect) await this.#record(item, suspected(before, item.survived))
    const travel =
      this.#state.get(item.key)?.id === item.id ? (this.#state.get(item.key) as StrictEntry).travel : before
    this.#runAt(item, travel)
  }

  async #load(): Promise<void> {
    this.#state = await this.#parts.load()
  }

  async #record(item: Item, travel: Travel): Promise<void> {
    this.#state.set(item.key, { id: item.id, travel })
    await this.#parts.save(this.#state)
  }

  #runAt(item: Item, travel: Travel): void {
    const taken = new Taken(item.message, travel, item.tap, async (each, outcome) => this.#settle(item, each, outcome))
    item.current = taken
    const left = travel.dueAt - Date.now()
    const offer = () => this.#parts.intake.offer(() => this.#parts.handOut(taken))
    if (left <= 0) return offer()
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        offer()
      },
      Math.min(left + 1, 2_147_483_647),
    )
    this.#timers.add(timer)
  }

  async #settle(item: Item, taken: Taken, outcome: Settlement): Promise<boolean> {
    if (item.current !== taken) return false
    if (outcome.kind === 'retry') return this.#retry(item, taken, outcome)
    if (outcome.kind === 'dead') await this.#parts.bury(taken, outcome)
    if (outcome.kind !== 'released' && this.#state.get(item.key)?.id === item.id) {
      this.#state.delete(item.key)
      await this.#parts.save(this.#state)
    }
    if (!item.tap.acks.open) return false
    taken.settled = true
    item.current = null
    this.#running.delete(item.key)
    if (outcome.kind !== 'released') {
      item.tap.acks.add(item.message.fields.deliveryTag)
      this.#items = this.#items.filter((each) => each !== item)
      if (!this.#items.some(({ suspect }) => suspect)) this.#loaded = null
    }
    this.#parts.intake.settled()
    setImmediate(() => this.#pump())
    return true
  }

  async #retry(item: Item, taken: Taken, outcome: Extract<Settlement, { kind: 'retry' }>): Promise<boolean> {
    const { travel } = taken
    const now = Date.now()
    const failed = {
      ...travel,
      failures: travel.failures + 1,
      firstFailedAt: travel.firstFailedAt ?? now,
      error: outcome.error,
      dueAt: now + outcome.delayMs,
      crashes: 0,
      started: false,
      suspect: false,
    }
    await this.#record(item, failed)
    if (!item.tap.acks.open) return false
    taken.settled = true
    // It has failed in good order: no suspect any more, and the others need not wait for it.
    item.suspect = false
    this.#parts.intake.settled()
    if (!this.#stopped) this.#runAt(item, failed)
    setImmediate(() => this.#pump())
    return true
  }
}

function suspected(before: Travel, survived: boolean): Travel {
  const died = before.started && !survived
  return { ...before, suspect: true, started: true, crashes: before.crashes + (died ? 1 : 0) }
}
