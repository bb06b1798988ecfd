import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { AnyMessage, Channel, Connection, Message } from './amqp.ts'
import { lookAt, onChannel, openChannel, watchChannel } from './channels.ts'
import { declare } from './declare.ts'
import type { Link } from './link.ts'
import type { Locks } from './lock.ts'
import type { Names } from './names.ts'
import type { Outgoing } from './publisher.ts'
import {
  decodePeek,
  decodeRegistry,
  emptyRegistry,
  encodePeek,
  encodeRegistry,
  type Peek,
  type RegistryState,
} from './registry-state.ts'
import { acknowledge } from './snapshot.ts'
import { registryKey, registryParts } from './topology.ts'
import { wait } from './wait.ts'

const againMs = 300
const lookAgainMs = 100
/** How long an empty queue is taken for one whose message is on its way back from a reader that died. */
const emptyMs = 5_000

interface RegistryParts {
  readonly link: Link
  readonly locks: Locks
  readonly names: Names
  readonly waitMs: number
  readonly send: (messages: readonly Outgoing[], signal?: AbortSignal) => Promise<void>
}

/**
 * A queue with one message, which is the whole state. Whoever reads or writes holds a lock: a message that somebody holds
 * cannot be seen. A writer publishes the next state before it acknowledges the last one, and tells everybody; after its death
 * in between there are two, and the higher revision counts.
 */
export class Registry {
  readonly #parts: RegistryParts
  #state: RegistryState = emptyRegistry
  #following: Promise<void> | null = null
  #closed = false
  readonly #peekListeners = new Set<(peek: Peek) => void>()
  readonly #listeners = new Set<(state: RegistryState) => void>()

  constructor(parts: RegistryParts) {
    this.#parts = parts
  }

  /** The newest state this process was told of; call `follow` before. */
  get state(): RegistryState {
    return this.#state
  }

  /** Told when somebody has looked at an event of a queue: its next delivery will be marked as redelivered. */
  onPeek(listener: (peek: Peek) => void): () => void {
    this.#peekListeners.add(listener)
    return () => this.#peekListeners.delete(listener)
  }

  async tellPeek(peek: Peek, signal?: AbortSignal): Promise<void> {
    await this.#tell(`peek-${peek.id}`, encodePeek(peek), signal)
  }

  onChange(listener: (state: RegistryState) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves with the newest state and keeps it so. */
  async follow(signal?: AbortSignal): Promise<RegistryState> {
    this.#following ??= this.#start(signal).catch((error: unknown) => {
      this.#following = null
      throw error
    })
    await this.#following
    return this.#state
  }

  async read(signal?: AbortSignal): Promise<RegistryState> {
    return this.update((state) => state, signal)
  }

  /** `change` gets the newest state, under the lock; the same object back = nothing is written. It may be called again. */
  async update(change: (state: RegistryState) => RegistryState, signal?: AbortSignal): Promise<RegistryState> {
    const { link, locks, names, waitMs } = this.#parts
    const underLock = async () => {
      const isNew = (await lookAt(link, waitMs, names.registry, signal)) === null
      await declare(link, waitMs, registryParts(names), signal)
      const work = async (channel: Channel) => this.#change(channel, isNew, change, signal)
      return onChannel(link, waitMs, 'reading the registry', work, signal)
    }
    return locks.hold(names.registryLock, underLock, signal)
  }

  close(): void {
    this.#closed = true
  }

  async #change(
    channel: Channel,
    isNew: boolean,
    change: (state: RegistryState) => RegistryState,
    signal?: AbortSignal,
  ): Promise<RegistryState> {
    const found = await this.#found(channel, isNew)
    const newest = found.at(-1)
    const before = newest?.state ?? emptyRegistry
    const after = change(before)
    const mustWrite = after !== before || newest === undefined
    const next = mustWrite ? { ...after, revision: before.revision + 1 } : before
    if (mustWrite) await this.#write(next, signal)
    const old = mustWrite ? found : found.slice(0, -1)
    const messages = old.map(({ message }) => message)
    await acknowledge(channel, this.#parts.names.registry, messages)
    this.#take(next)
    return next
  }

  /** Lowest revision first. */
  async #found(channel: Channel, isNew: boolean): Promise<readonly Found[]> {
    const until = Date.now() + (isNew ? 0 : emptyMs)
    for (;;) {
      const found: Found[] = []
      for (;;) {
        const message = await channel.get(this.#parts.names.registry)
        if (message === false) break
        found.push({ message, state: decodeRegistry(message.content) ?? emptyRegistry })
      }
      if (found.length > 0) return found.sort((a, b) => a.state.revision - b.state.revision)
      // Its maker died before the first state, or somebody has emptied it.
      if (Date.now() >= until) return []
      await wait(lookAgainMs)
    }
  }

  async #write(state: RegistryState, signal?: AbortSignal): Promise<void> {
    const { names, send } = this.#parts
    const content = encodeRegistry(state)
    const properties = { messageId: `registry-${state.revision}`, contentType: 'application/json', deliveryMode: 2 }
    await send(
      [{ exchange: names.registryExchange, key: registryKey, content, properties: { ...properties, mandatory: true } }],
      signal,
    )
    await this.#tell(properties.messageId, content, signal)
  }

  /** To those who follow, if there are any. */
  async #tell(messageId: string, content: Buffer, signal?: AbortSignal): Promise<void> {
    const properties = { messageId, contentType: 'application/json', mandatory: false }
    await this.#parts.send([{ exchange: this.#parts.names.control, key: '', content, properties }], signal)
  }

  async #start(signal?: AbortSignal): Promise<void> {
    await this.read(signal)
    this.#parts.link.onUp((connection) => void this.#attach(connection))
    const connection = this.#parts.link.current()
    if (connection !== null) await this.#attach(connection)
  }

  /** Listens first and reads then: a change in between is told twice rather than not at all. */
  async #attach(connection: Connection): Promise<void> {
    const isCurrent = () => !this.#closed && this.#parts.link.current() === connection
    const again = () => {
      if (isCurrent()) void wait(againMs).then(async () => (isCurrent() ? this.#attach(connection) : undefined))
    }
    try {
      const channel = await openChannel(connection)
      watchChannel(channel, again)
      const { queue } = await channel.assertQueue(this.#parts.names.listener(randomUUID()), {
        exclusive: true,
        durable: true,
      })
      await channel.bindQueue(queue, this.#parts.names.control, '')
      const onMessage = (message: Message | null) => {
        if (message === null) return again()
        this.#hear(message.content)
      }
      await channel.consume(queue, onMessage, { noAck: true })
      await this.read()
    } catch {
      // The channel or the connection is lost: the next attempt, or the next connection, begins again.
      again()
    }
  }

  #hear(content: Buffer): void {
    const peek = decodePeek(content)
    if (peek !== null) for (const listener of this.#peekListeners) listener(peek)
    const state = decodeRegistry(content)
    if (state !== null && state.revision > this.#state.revision) this.#take(state)
  }

  #take(state: RegistryState): void {
    if (isDeepStrictEqual(state, this.#state)) return
    this.#state = state
    for (const listener of this.#listeners) listener(state)
  }
}

interface Found {
  readonly message: AnyMessage
  readonly state: RegistryState
}
