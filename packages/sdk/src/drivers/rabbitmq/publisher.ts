import { PandaError } from '../../errors.ts'
import type { AnyMessage, ConfirmChannel, Connection, Publish } from './amqp.ts'
import { closeChannel, openConfirmChannel, watchChannel } from './channels.ts'
import { replyCode, toPandaError } from './errors.ts'
import type { Link } from './link.ts'

export interface Outgoing {
  readonly exchange: string
  readonly key: string
  readonly content: Buffer
  /** `mandatory` is set by the publisher; `messageId` tells a returned one. */
  readonly properties: Publish & { readonly messageId: string }
}

interface Batch {
  left: number
  readonly until: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  failed: boolean
}

interface Entry {
  readonly message: Outgoing
  readonly batch: Batch
  /** Returned by the broker: no queue took it, since the topology had gone. */
  returns: number
  /** Nacked by the broker: one of the queues behind the exchange did not take it. */
  refusals: number
  /** Ms since 1970; 0 = not yet. */
  sentAt: number
}

export interface PublisherSettings {
  readonly waitMs: number
  readonly maxBuffered: number
  readonly maxBufferedBytes: number
  /** Called before the first publish and after something was found missing. */
  readonly ensureTopology: () => Promise<void>
}

const maxInFlight = 4_096
const sweepMs = 250
const maxReturns = 3
const maxRefusals = 7
const firstRefusalMs = 100
const unconfirmedMs = 10_000

/**
 * One confirm channel for all publishes of the process. What is not confirmed when the channel is lost is sent again, in the
 * same order, until its time is over.
 */
export class Publisher {
  readonly #link: Link
  readonly #settings: PublisherSettings
  #channel: ConfirmChannel | null = null
  #opening = false
  #mustEnsure = true
  #waiting: Entry[] = []
  #head = 0
  readonly #inFlight = new Set<Entry>()
  #bytes = 0
  #count = 0
  /** Refused a moment ago. */
  readonly #backingOff = new Map<Entry, NodeJS.Timeout>()
  readonly #returned = new Set<string>()
  /** Why the broker closed the channel: told before the unconfirmed are. */
  #failure: Error | undefined
  #sweep: NodeJS.Timeout | undefined
  #closed = false

  constructor(link: Link, settings: PublisherSettings) {
    this.#link = link
    this.#settings = settings
    link.onUp(() => this.#flush())
  }

  /**
   * Resolves when the broker has confirmed all of them.
   * @throws PandaError store_away after `waitMs` or when the buffer is full; payload_too_large, no_permission, store_refused
   */
  async send(messages: readonly Outgoing[], signal?: AbortSignal): Promise<void> {
    if (messages.length === 0) return
    if (this.#closed) throw new PandaError('closed', `The connection to ${this.#link.address.label} was closed.`)
    signal?.throwIfAborted()
    this.#refuseWhenFull(messages)
    const sent = new Promise<void>((resolve, reject) => {
      const batch = { left: messages.length, until: Date.now() + this.#settings.waitMs, resolve, reject, failed: false }
      for (const message of messages) this.#push({ message, batch, returns: 0, refusals: 0, sentAt: 0 })
    })
    this.#flush()
    this.#sweep ??= setInterval(() => this.#expire(), sweepMs)
    return signal === undefined ? sent : orAborted(sent, signal)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#sweep)
    const error = new PandaError('closed', `The connection to ${this.#link.address.label} was closed.`)
    for (const timer of this.#backingOff.values()) clearTimeout(timer)
    const left = [...this.#inFlight, ...this.#waiting.slice(this.#head), ...this.#backingOff.keys()]
    for (const { batch } of left) reject(batch, error)
  }

  #refuseWhenFull(messages: readonly Outgoing[]): void {
    let bytes = 0
    for (const { content } of messages) bytes += content.length
    const { maxBuffered, maxBufferedBytes } = this.#settings
    // One batch alone may be larger than the buffer.
    if (this.#count === 0) return
    if (this.#count + messages.length <= maxBuffered && this.#bytes + bytes <= maxBufferedBytes) return
    throw new PandaError(
      'store_away',
      `${this.#link.address.label}: ${this.#count} events (${this.#bytes} bytes) wait for it already, which is the limit.`,
      { hint: 'Publish more slowly, or await what was published; the limits are maxBuffered and maxBufferedBytes.' },
    )
  }

  #push(entry: Entry): void {
    this.#count += 1
    this.#bytes += entry.message.content.length
    this.#waiting.push(entry)
  }

  #flush(): void {
    if (this.#head === this.#waiting.length) return
    const channel = this.#channel
    if (channel === null || this.#mustEnsure) return void this.#open()
    while (this.#head < this.#waiting.length && this.#inFlight.size < maxInFlight) {
      const entry = this.#waiting[this.#head] as Entry
      this.#head += 1
      if (!entry.batch.failed) this.#publish(channel, entry)
      else this.#forget(entry)
    }
    if (this.#head === this.#waiting.length) {
      this.#waiting = []
      this.#head = 0
    }
  }

  #publish(channel: ConfirmChannel, entry: Entry): void {
    const { exchange, key, content, properties } = entry.message
    this.#inFlight.add(entry)
    entry.sentAt = Date.now()
    try {
      channel.publish(exchange, key, content, properties, (error: unknown) => this.#answered(channel, entry, error))
    } catch {
      // The channel was closed a moment ago: its end puts back what was in flight.
      if (this.#channel === channel) this.#lost(channel, new Error('channel closed'))
    }
  }

  #answered(channel: ConfirmChannel, entry: Entry, error: unknown): void {
    // Put back already, when the channel's end was seen.
    if (this.#channel !== channel || !this.#inFlight.has(entry)) return
    if (error instanceof Error && error.message === 'channel closed') return this.#lost(channel, error)
    this.#inFlight.delete(entry)
    if (error !== null && error !== undefined) return this.#refused(entry)
    if (this.#returned.size > 0 && this.#returned.delete(entry.message.properties.messageId))
      return this.#unroutable(entry)
    this.#forget(entry)
    const { batch } = entry
    batch.left -= 1
    if (batch.left === 0) batch.resolve()
    if (this.#head < this.#waiting.length) this.#flush()
  }

  #refused(entry: Entry): void {
    entry.refusals += 1
    if (entry.refusals > maxRefusals || entry.batch.failed) return this.#fail(entry, this.#refusal(entry))
    // After a restart of the broker its queues have no leader for a moment. Seldom: others get the event again each time.
    const again = () => {
      this.#backingOff.delete(entry)
      this.#sendAgain(entry)
    }
    this.#backingOff.set(entry, setTimeout(again, firstRefusalMs * 2 ** (entry.refusals - 1)))
  }

  #refusal({ message: { exchange, key } }: Entry): PandaError {
    const what = `${this.#link.address.label}: a queue behind ${exchange} refused an event (${key})`
    return new PandaError('store_refused', `${what}, again and again.`, {
      hint: 'A policy has given a queue of this prefix a length limit that refuses. Remove it, or let it drop the oldest (overflow drop-head). Other subscriptions may have got the event: consumers with an inbox tell it apart by its id.',
    })
  }

  #sendAgain(entry: Entry): void {
    this.#waiting = [entry, ...this.#waiting.slice(this.#head)]
    this.#head = 0
    this.#flush()
  }

  #unroutable(entry: Entry): void {
    entry.returns += 1
    if (entry.returns > maxReturns) {
      const { exchange, key } = entry.message
      const what = `${this.#link.address.label}: nothing takes events from ${exchange} (${key})`
      return this.#fail(entry, new PandaError('store_refused', `${what}, although its topology was declared again.`))
    }
    this.#mustEnsure = true
    this.#sendAgain(entry)
  }

  #lost(channel: ConfirmChannel, closed: Error): void {
    if (this.#channel !== channel) return
    const error = this.#failure ?? closed
    this.#channel = null
    const again = [...this.#inFlight]
    this.#inFlight.clear()
    this.#returned.clear()
    this.#waiting = [...again, ...this.#waiting.slice(this.#head)]
    this.#head = 0
    if (replyCode(error) === 404) this.#mustEnsure = true
    this.#rejectCulprits(again, error)
    // Not in this moment: the library tells of a lost connection channel by channel, and a channel that is opened meanwhile
    // is never answered.
    if (!this.#closed) setImmediate(() => this.#flush())
  }

  /** An event that closes the channel would do so for ever. */
  #rejectCulprits(sent: readonly Entry[], error: Error): void {
    const wrapped = toPandaError(error, this.#link.address, 'publishing')
    const limit = Number(/larger than (?:configured )?max size (\d+)/.exec(error.message)?.[1] ?? Number.NaN)
    for (const entry of sent) {
      const tooLarge = wrapped.code === 'payload_too_large' && entry.message.content.length > limit
      if (tooLarge || wrapped.code === 'no_permission') reject(entry.batch, wrapped)
    }
  }

  async #open(): Promise<void> {
    const connection = this.#link.current()
    if (this.#opening || connection === null) return
    this.#opening = true
    try {
      if (this.#mustEnsure) {
        await this.#settings.ensureTopology()
        this.#mustEnsure = false
      }
      if (this.#channel === null) await this.#adopt(connection)
    } catch (error) {
      this.#failAll(toPandaError(error, this.#link.address, 'publishing'))
    } finally {
      this.#opening = false
    }
    if (this.#link.current() === connection && this.#channel !== null) this.#flush()
  }

  async #adopt(connection: Connection): Promise<void> {
    const channel = await openConfirmChannel(connection)
    this.#failure = undefined
    channel.on('error', (error: Error) => (this.#failure = error))
    watchChannel(channel, (error) => this.#lost(channel, error))
    channel.on('return', (message: AnyMessage) => {
      if (typeof message.properties.messageId === 'string') this.#returned.add(message.properties.messageId)
    })
    this.#channel = channel
  }

  /** Refusals are final for what waits; an outage is not. */
  #failAll(error: PandaError): void {
    if (error.code === 'store_away') return
    for (const { batch } of this.#waiting.slice(this.#head)) reject(batch, error)
  }

  #expire(): void {
    const now = Date.now()
    const refused = this.#link.lastError()
    if (this.#link.state === 'waiting' && refused !== null) this.#failAll(refused)
    this.#resendUnconfirmed(now)
    for (const entry of this.#inFlight) {
      if (entry.batch.until > now) break
      reject(entry.batch, this.#link.away())
    }
    for (const entry of this.#backingOff.keys()) if (entry.batch.until <= now) reject(entry.batch, this.#refusal(entry))
    const waiting = this.#waiting.slice(this.#head)
    for (const { batch } of waiting) if (batch.until <= now) reject(batch, this.#link.away())
    for (const entry of waiting) if (entry.batch.failed) this.#forget(entry)
    this.#waiting = waiting.filter(({ batch }) => !batch.failed)
    this.#head = 0
    if (this.#count > 0) return this.#flush()
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }

  /** A queue that comes up after a restart may swallow an event without a word: then all that is open is sent again. */
  #resendUnconfirmed(now: number): void {
    const channel = this.#channel
    const [oldest] = this.#inFlight
    if (channel === null || oldest === undefined || this.#link.blocked) return
    if (now - oldest.sentAt < unconfirmedMs) return
    this.#lost(channel, new Error(`no confirm for ${unconfirmedMs} ms`))
    void closeChannel(channel)
  }

  /** Of an entry that was answered. */
  #fail(entry: Entry, error: unknown): void {
    this.#forget(entry)
    reject(entry.batch, error)
  }

  #forget(entry: Entry): void {
    this.#count -= 1
    this.#bytes -= entry.message.content.length
  }
}

function reject(batch: Batch, error: unknown): void {
  if (batch.failed) return
  batch.failed = true
  batch.reject(error)
}

/** Ends the wait, not what is on its way. */
async function orAborted(sent: Promise<void>, signal: AbortSignal): Promise<void> {
  let stop: (() => void) | null = null
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    await Promise.race([sent, aborted])
  } finally {
    if (stop !== null) signal.removeEventListener('abort', stop)
    sent.catch(() => undefined)
  }
}
