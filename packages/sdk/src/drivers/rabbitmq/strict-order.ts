import type { Settlement } from '../../events/driver.ts'
import type { Message } from './amqp.ts'
import type { Intake } from './intake.ts'
import { idOf, type Travel, travelOf } from './message.ts'
import type { StrictState } from './strict-state.ts'
import { Taken } from './taken.ts'
import type { Tap } from './tap.ts'

/** What a timer takes. */
const longestMs = 2_147_483_000

interface Item {
  readonly message: Message
  readonly tap: Tap
  readonly id: string
  readonly key: string
  /** A consumer has died, or lost its channel, with this one among what it held. */
  suspect: boolean
  readonly survived: boolean
  phase: 'idle' | 'starting' | 'waiting' | 'out'
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
      phase: 'idle',
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

  /** Hands back all that is taken: the next process must not think that this one died with it. */
  async release(): Promise<void> {
    this.stop()
    for (const { current } of this.#items) await current?.settling
    await this.#forgive(this.#items.filter(({ current }) => current !== null))
  }

  async #forgive(items: readonly Item[]): Promise<void> {
    const started = items.filter((item) => this.#state.get(item.key)?.id === item.id && this.#known(item).started)
    for (const item of started)
      this.#state.set(item.key, { id: item.id, travel: { ...this.#known(item), started: false } })
    if (started.length > 0) await this.#parts.save(this.#state)
  }

  /** @returns ids of all that was taken */
  reset(): readonly string[] {
    const ids = this.#items.map(({ id }) => id)
    this.stop()
    this.#items = []
    return ids
  }

  #pump(): void {
    if (this.#stopped) return
    const heads = this.#heads()
    const alone = heads.some(({ suspect }) => suspect)
    for (const item of heads) {
      if (alone && (!item.suspect || heads.some(isBusy))) continue
      if (item.phase === 'idle') this.#start(item).catch(this.#parts.onError)
    }
  }

  /** The first of each key: no other can have been running. */
  #heads(): readonly Item[] {
    const heads = new Map<string, Item>()
    for (const item of this.#items) if (!heads.has(item.key)) heads.set(item.key, item)
    return [...heads.values()]
  }

  async #start(item: Item): Promise<void> {
    item.phase = 'starting'
    if (item.suspect) {
      this.#loaded ??= this.#load()
      await this.#loaded
    }
    const travel = this.#known(item)
    // It has failed in good order and was not running when its consumer died.
    if (travel.dueAt > Date.now()) return this.#wait(item, travel.dueAt - Date.now())
    if (item.suspect) await this.#record(item, suspected(travel, item.survived))
    this.#offer(item, this.#known(item))
  }

  #known(item: Item): Travel {
    const known = this.#state.get(item.key)
    return known?.id === item.id ? known.travel : travelOf(item.message)
  }

  async #load(): Promise<void> {
    this.#state = await this.#parts.load()
  }

  async #record(item: Item, travel: Travel): Promise<void> {
    this.#state.set(item.key, { id: item.id, travel })
    await this.#parts.save(this.#state)
  }

  #offer(item: Item, travel: Travel): void {
    if (this.#stopped) return
    const taken = new Taken(item.message, travel, item.tap, async (each, outcome) => this.#settle(item, each, outcome))
    item.phase = 'out'
    item.current = taken
    this.#parts.intake.offer(() => this.#parts.handOut(taken))
  }

  /** In its place, while the other keys go on. */
  #wait(item: Item, ms: number): void {
    item.suspect = false
    item.phase = 'waiting'
    if (this.#stopped) return
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        item.phase = 'idle'
        this.#pump()
      },
      Math.min(ms + 1, longestMs),
    )
    this.#timers.add(timer)
    this.#pump()
  }

  async #settle(item: Item, taken: Taken, outcome: Settlement): Promise<boolean> {
    if (item.current !== taken) return false
    if (outcome.kind === 'retry') return this.#retry(item, taken, outcome)
    if (outcome.kind === 'dead') await this.#parts.bury(taken, outcome)
    if (outcome.kind === 'released') await this.#forgive([item])
    else if (this.#state.get(item.key)?.id === item.id) {
      this.#state.delete(item.key)
      await this.#parts.save(this.#state)
    }
    if (!item.tap.acks.open) return false
    taken.settled = true
    item.current = null
    item.phase = 'idle'
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
    item.current = null
    this.#parts.intake.settled()
    this.#wait(item, outcome.delayMs)
    return true
  }
}

function isBusy({ phase }: Item): boolean {
  return phase === 'starting' || phase === 'out'
}

function suspected(before: Travel, survived: boolean): Travel {
  const died = before.started && !survived
  return { ...before, suspect: true, started: true, crashes: before.crashes + (died ? 1 : 0) }
}
