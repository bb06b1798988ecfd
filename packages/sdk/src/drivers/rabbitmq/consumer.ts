import type { ConsumeOptions, Consumer, Delivery, Settlement } from '../../events/driver.ts'
import type { Connection, Message } from './amqp.ts'
import { toPandaError } from './errors.ts'
import { fateOf, hop } from './fate.ts'
import { Intake } from './intake.ts'
import { holdMs } from './ladder.ts'
import type { Link } from './link.ts'
import { forwarded, idOf, type Travel, travelOf } from './message.ts'
import { homeKey, type Names } from './names.ts'
import type { Outgoing } from './publisher.ts'
import type { Registry } from './registry.ts'
import { registered } from './registry-state.ts'
import { StrictOrder } from './strict-order.ts'
import { encodeStrict, type StrictState } from './strict-state.ts'
import { Survivors } from './survivors.ts'
import { Taken } from './taken.ts'
import { Tap } from './tap.ts'
import { wait } from './wait.ts'

export interface ConsumerParts {
  readonly link: Link
  readonly names: Names
  readonly registry: Registry
  readonly send: (messages: readonly Outgoing[]) => Promise<void>
  /** Declares the subscription's queues and bindings again, as the registry has them. */
  readonly restore: (subscription: string) => Promise<void>
  readonly loadStrict: (subscription: string) => Promise<StrictState>
  readonly onClosed: (consumer: Consumer) => void
}

const firstAgainMs = 50
const lastAgainMs = 5_000
/** How long a suspect is held until a handler has ended, before it is left to others. */
const patienceMs = 100
const longestMs = 2_147_483_000
const strictPollMs = 50
/** RabbitMQ hands back more than 32 messages in any order. */
const strictPrefetch = 32
/** How long others wait for an exclusive event that has been announced and went to another process. */
const gateMs = 2_000

/** Takes from the subscription's three queues: new events, retries, suspects of a crash (one at a time). */
export class SubscriptionConsumer implements Consumer {
  readonly #parts: ConsumerParts
  readonly #name: string
  readonly #options: ConsumeOptions
  readonly #onDelivery: (delivery: Delivery) => void
  readonly #intake: Intake
  readonly #held = new Set<Taken>()
  readonly #survivors = new Survivors()
  readonly #stopListening: (() => void)[] = []
  #taps: readonly Tap[] = []
  /** Of the queue that the subscription has left; closed when what was handed out from them is settled. */
  readonly #retired = new Set<Tap>()
  #strict: StrictOrder | null = null
  #prefetch: number
  #stopped = false
  #closed = false
  #healthy = true
  #tries = 0
  /** Suspects are left to others. */
  #isFull = false
  #again: NodeJS.Timeout | undefined
  #work: Promise<void> = Promise.resolve()

  constructor(parts: ConsumerParts, name: string, options: ConsumeOptions, onDelivery: (delivery: Delivery) => void) {
    this.#parts = parts
    this.#name = name
    this.#options = options
    this.#onDelivery = onDelivery
    this.#prefetch = options.prefetch
    this.#intake = new Intake(options.prefetch)
  }

  async start(): Promise<void> {
    const { link, registry } = this.#parts
    this.#stopListening.push(
      registry.onChange(() => void this.#reconcile()),
      registry.onPeek(({ subscription, id }) => {
        if (subscription === this.#name) this.#survivors.add(id)
      }),
      link.onUp(() => void this.#reconcile()),
      link.onDown((error) => this.#ended(error)),
    )
    await this.#reconcile()
  }

  get held(): number {
    return this.#held.size + (this.#strict?.handedOut ?? 0)
  }

  async setPrefetch(prefetch: number): Promise<void> {
    this.#prefetch = prefetch
    this.#intake.setLimit(prefetch)
    await this.#reconcile()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#intake.stop()
    this.#strict?.stop()
    await this.#reconcile()
    await this.#release((taken) => !taken.handedOut)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.stop()
    await this.#release(() => true)
    await this.#strict?.release()
    this.#closed = true
    clearTimeout(this.#again)
    for (const stop of this.#stopListening) stop()
    await this.#work
    for (const id of this.#strict?.reset() ?? []) this.#survivors.add(id)
    await Promise.all([...this.#taps, ...this.#retired].map(async (tap) => tap.close()))
    this.#parts.onClosed(this)
  }

  /** Makes the channels as they should be now; one call after the other. */
  async #reconcile(): Promise<void> {
    const next = this.#work.then(async () => this.#reconcileOnce())
    this.#work = next.catch(() => undefined)
    return next
  }

  async #reconcileOnce(): Promise<void> {
    const connection = this.#parts.link.current()
    if (this.#closed || connection === null) return
    const entry = registered(this.#parts.registry.state, this.#name)
    if (entry === undefined) return this.#health(new Error(`there is no subscription ${this.#name}`))
    const queue = this.#parts.names.main(this.#name, entry.generation)
    const wanted = !this.#stopped && !entry.paused && this.#prefetch > 0
    try {
      if (this.#taps[0] !== undefined && this.#mustLeave(queue, wanted)) await this.#leave()
      if (this.#taps.length === 0 && wanted) this.#taps = await this.#open(connection, queue, entry.order)
      await Promise.all(this.#taps.map(async (tap, index) => this.#set(tap, wanted, index)))
      if (!wanted && !this.#stopped) await this.#release((taken) => !taken.handedOut)
      this.#tries = 0
      this.#health(null)
    } catch (error) {
      this.#ended(toPandaError(error, this.#parts.link.address, `consuming ${this.#name}`))
    }
  }

  /** Strict order ends with its channel: a consumer that is only cancelled would let another process go on beside it. */
  #mustLeave(queue: string, wanted: boolean): boolean {
    return this.#taps[0]?.queue !== queue || (this.#strict !== null && !wanted && !this.#stopped)
  }

  async #set(tap: Tap, wanted: boolean, index: number): Promise<void> {
    if (this.#strict !== null) return wanted ? tap.start() : undefined
    if (!wanted || (index === 2 && this.#isFull)) return tap.pause()
    if (index < 2) await tap.setPrefetch(this.#prefetch)
    await tap.start()
  }

  async #open(connection: Connection, main: string, order: 'none' | 'strict'): Promise<readonly Tap[]> {
    const { names, restore } = this.#parts
    if (this.#tries > 0) await restore(this.#name)
    const onEnd = (error: Error) => this.#ended(error)
    const open = async (queue: string, prefetch: number, onMessage: (message: Message, tap: Tap) => void) =>
      Tap.open(connection, { queue, prefetch, onMessage, onEnd })
    const strict = order === 'strict' ? this.#strictOrder() : null
    this.#strict = strict
    const take = (message: Message, tap: Tap) => {
      if (strict === null) return this.#onMessage(message, tap)
      strict.add(message, tap, this.#survivors.take(idOf(message)))
    }
    return Promise.all([
      open(main, strict === null ? this.#prefetch : Math.min(this.#prefetch, strictPrefetch), take),
      open(names.retry(this.#name), this.#prefetch, take),
      open(names.isolated(this.#name), 1, (message, tap) => void this.#onSuspect(message, tap)),
    ])
  }

  #strictOrder(): StrictOrder {
    const { names, send, loadStrict } = this.#parts
    return new StrictOrder({
      intake: this.#intake,
      load: async () => loadStrict(this.#name),
      save: async (state) => send([strictMessage(names, this.#name, state)]),
      bury: async (taken, outcome) => {
        const message = fateOf(names, this.#name, taken, outcome, Date.now())
        if (message !== null) await send([message])
      },
      handOut: (taken) => {
        taken.handedOut = true
        this.#onDelivery(taken)
      },
      onError: (error) => this.#ended(toPandaError(error, this.#parts.link.address, `consuming ${this.#name}`)),
    })
  }

  /** The subscription has moved to another queue, or is paused in strict order. */
  async #leave(): Promise<void> {
    const old = this.#taps
    this.#taps = []
    const strict = this.#strict
    this.#strict = null
    strict?.stop()
    // Not cancelled: as long as something is held, the old queue must be seen to have a consumer.
    for (const tap of old) this.#retired.add(tap)
    await this.#release((taken) => !taken.handedOut)
    if (strict !== null) await this.#endStrict(strict, old)
    await this.#closeRetired()
  }

  /** The next process must not begin before the last handler here has ended. */
  async #endStrict(strict: StrictOrder, taps: readonly Tap[]): Promise<void> {
    while (strict.handedOut > 0 && taps[0]?.acks.open === true) await wait(strictPollMs)
    for (const id of strict.reset()) this.#survivors.add(id)
  }

  async #closeRetired(): Promise<void> {
    const inUse = new Set([...this.#held].map(({ tap }) => tap))
    const unused = [...this.#retired].filter((tap) => !inUse.has(tap))
    for (const tap of unused) this.#retired.delete(tap)
    await Promise.all(unused.map(async (tap) => tap.close()))
  }

  #ended(error: Error): void {
    for (const taken of this.#held) this.#survivors.add(taken.id)
    for (const id of this.#strict?.reset() ?? []) this.#survivors.add(id)
    this.#strict = null
    this.#held.clear()
    this.#retired.clear()
    this.#intake.reset()
    const old = this.#taps
    this.#taps = []
    for (const tap of old) void tap.close()
    if (this.#closed) return
    this.#health(error)
    this.#tries += 1
    clearTimeout(this.#again)
    const delay = Math.min(lastAgainMs, firstAgainMs * 2 ** this.#tries)
    this.#again = setTimeout(() => void this.#reconcile(), delay)
  }

  #health(error: Error | null): void {
    const healthy = error === null
    if (healthy === this.#healthy) return
    this.#healthy = healthy
    if (healthy) this.#options.onHealth?.(true)
    else this.#options.onHealth?.(false, error)
  }

  #onMessage(message: Message, tap: Tap): void {
    const travel = travelOf(message)
    const { names } = this.#parts
    if (this.#retired.has(tap))
      return void this.#forward(hop(names, this.#name, { message }, travel, Date.now()), message, tap)
    if (message.fields.redelivered && !this.#survivors.take(idOf(message))) {
      const suspect = { ...travel, suspect: true, started: false }
      return void this.#forward(forwarded(names.home, homeKey.isolated(this.#name), message, suspect), message, tap)
    }
    const left = travel.dueAt === 0 ? 0 : travel.dueAt - Date.now()
    if (left >= holdMs) return void this.#forward(hop(names, this.#name, { message }, travel, Date.now()), message, tap)
    const taken = this.#take(message, travel, tap)
    // A timer may be a millisecond early.
    if (left > 0) setTimeout(() => this.#offer(taken), left + 1)
    else this.#offer(taken)
  }

  /**
   * A suspect is published again with `started` and taken next with nothing in between: who gets that copy a second time knows
   * that its consumer died with it, and with no other suspect. One that died so before runs alone.
   */
  async #onSuspect(message: Message, tap: Tap): Promise<void> {
    const travel = travelOf(message)
    const again = async (next: Travel) =>
      this.#forward(forwarded(this.#parts.names.home, homeKey.isolated(this.#name), message, next), message, tap)
    if (travel.started && message.fields.redelivered) {
      const survived = this.#survivors.take(idOf(message)) || this.#parts.link.reconnectedAt > Date.now() - 30_000
      return again({ ...travel, started: false, crashes: travel.crashes + (survived ? 0 : 1) })
    }
    const exclusive = travel.crashes > 0
    if (!travel.started) {
      // The place that is kept would be waited for in vain: whoever it is for stands behind this one.
      if (exclusive && !this.#intake.reserved) await this.#intake.drain(gateMs)
      const started = !this.#isFull && (await this.#intake.reserve(gateMs, patienceMs))
      if (!started) void this.#leaveSuspects()
      return again({ ...travel, started })
    }
    const taken = this.#take(message, travel, tap)
    taken.exclusive = exclusive
    if (this.#intake.admit(exclusive, () => this.#handOut(taken))) return
    // It was announced elsewhere, and there is no place for it here now.
    this.#held.delete(taken)
    void this.#leaveSuspects()
    return again({ ...travel, started: false })
  }

  /**
   * Until there is a place, which is kept for them. Else two processes could hand a suspect to and fro: who announces it
   * holds it until then, so that the copy goes to the other one, which has no place.
   */
  async #leaveSuspects(): Promise<void> {
    if (this.#isFull) return
    this.#isFull = true
    void this.#reconcile()
    await this.#intake.reserve(patienceMs, longestMs)
    this.#isFull = false
    await this.#reconcile()
  }

  #take(message: Message, travel: Travel, tap: Tap): Taken {
    const taken = new Taken(message, travel, tap, async (each, outcome) => this.#settle(each, outcome))
    this.#held.add(taken)
    return taken
  }

  #offer(taken: Taken): void {
    if (this.#held.has(taken)) this.#intake.offer(() => this.#handOut(taken))
  }

  #handOut(taken: Taken): void {
    if (!this.#held.has(taken)) return this.#intake.settled()
    taken.handedOut = true
    this.#onDelivery(taken)
  }

  async #settle(taken: Taken, outcome: Settlement): Promise<boolean> {
    const message = fateOf(this.#parts.names, this.#name, taken, outcome, Date.now())
    if (message !== null) await this.#parts.send([message])
    if (taken.settled || !taken.tap.acks.open) return false
    this.#over(taken)
    return true
  }

  #over(taken: Taken): void {
    taken.settled = true
    this.#held.delete(taken)
    taken.tap.acks.add(taken.message.fields.deliveryTag)
    if (taken.exclusive) this.#intake.open()
    if (taken.handedOut) this.#intake.settled()
    if (this.#retired.size > 0) void this.#closeRetired()
  }

  async #release(which: (taken: Taken) => boolean): Promise<void> {
    const all = [...this.#held].filter(which)
    await Promise.all(all.map(async (taken) => taken.settling ?? taken.settle({ kind: 'released' })))
  }

  /** Published first, acknowledged then: a death in between doubles the event and does not lose it. */
  async #forward(next: Outgoing, message: Message, tap: Tap): Promise<void> {
    // Its queue has it again already.
    if (!tap.acks.open) return
    try {
      await this.#parts.send([next])
      tap.acks.add(message.fields.deliveryTag)
    } catch (error) {
      // It stays unacknowledged; a new channel brings it again.
      this.#ended(toPandaError(error, this.#parts.link.address, `forwarding an event of ${this.#name}`))
    }
  }
}

function strictMessage(names: Names, subscription: string, state: StrictState): Outgoing {
  return {
    exchange: names.home,
    key: homeKey.state(subscription),
    content: encodeStrict(state),
    properties: { messageId: 'strict', contentType: 'application/json', deliveryMode: 2, mandatory: true },
  }
}
