import type { Channel, Connection } from './amqp.ts'
import { closeChannel, lookAt, onChannel, openChannel, watchChannel } from './channels.ts'
import { declare } from './declare.ts'
import { PandaError } from '../../errors.ts'
import type { Link } from './link.ts'
import type { Locks } from './lock.ts'
import type { Names } from './names.ts'
import type { Outgoing } from './publisher.ts'
import type { Part } from './topology.ts'
import { decodeRegistry, emptyRegistry, encodeRegistry, type RegistryState } from './registry-state.ts'
import { wait } from './wait.ts'

const registryArguments = {
  'x-queue-type': 'stream',
  'x-max-length-bytes': 50_000_000,
  'x-stream-max-segment-size-bytes': 5_000_000,
} as const
const firstAnswerMs = 2_000
const againMs = 300

function registryParts(names: Names): readonly Part[] {
  return [
    { kind: 'queue', name: names.registry, arguments: registryArguments },
    { kind: 'exchange', name: names.registryExchange, type: 'fanout' },
    { kind: 'binding', to: 'queue', target: names.registry, source: names.registryExchange, key: '' },
  ]
}

interface RegistryParts {
  readonly link: Link
  readonly locks: Locks
  readonly names: Names
  readonly waitMs: number
  readonly send: (messages: readonly Outgoing[], signal?: AbortSignal) => Promise<void>
}

/**
 * A stream whose last message is the whole state. Writers hold a lock, so each write is a chunk of its own and a reader that
 * starts at the last chunk has the newest state with its first message; everybody who reads on is told of each change.
 */
export class Registry {
  readonly #parts: RegistryParts
  #state: RegistryState = emptyRegistry
  #following: Promise<void> | null = null
  #closed = false
  readonly #listeners = new Set<(state: RegistryState) => void>()

  constructor(parts: RegistryParts) {
    this.#parts = parts
  }

  /** The newest state this process was told of; call `follow` before. */
  get state(): RegistryState {
    return this.#state
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
    await this.#ensure(signal)
    const { link, waitMs, names } = this.#parts
    const newest = async () =>
      onChannel(link, waitMs, 'reading the registry', async (channel) => this.#last(channel), signal)
    let last = await newest()
    if (last === null) {
      // Its maker died between the queue and the first state.
      await this.#create(signal)
      last = await newest()
    }
    if (last === null)
      throw new PandaError('store_away', `${link.address.label}: the queue ${names.registry} delivers nothing.`)
    this.#take(last)
    return last
  }

  /** `change` gets the newest state, under the lock; the same object back = nothing is written. */
  async update(
    change: (state: RegistryState) => Promise<RegistryState> | RegistryState,
    signal?: AbortSignal,
  ): Promise<RegistryState> {
    return this.#parts.locks.hold(
      this.#parts.names.registryLock,
      async () => {
        const before = await this.read(signal)
        const after = await change(before)
        if (after === before) return before
        const written = { ...after, revision: before.revision + 1 }
        await this.#write(written, signal)
        this.#take(written)
        return written
      },
      signal,
    )
  }

  close(): void {
    this.#closed = true
  }

  async #start(signal?: AbortSignal): Promise<void> {
    await this.read(signal)
    this.#parts.link.onUp((connection) => void this.#attach(connection))
    const connection = this.#parts.link.current()
    if (connection !== null) await this.#attach(connection)
  }

  async #attach(connection: Connection): Promise<void> {
    const again = () => {
      if (this.#closed || this.#parts.link.current() !== connection) return
      void wait(againMs).then(async () => this.#attach(connection))
    }
    try {
      const channel = await openChannel(connection)
      await channel.prefetch(100)
      watchChannel(channel, again)
      await consumeLast(channel, this.#parts.names.registry, (state) => {
        if (state === null) void closeChannel(channel)
        else this.#take(state)
      })
    } catch {
      // Most often: the queue was deleted. Whoever reads or writes next makes it again.
      await this.#ensure().catch(() => undefined)
      again()
    }
  }

  #take(state: RegistryState): void {
    // A deleted and remade registry starts again at 1, with a state that is not the old one.
    if (state.revision === this.#state.revision) return
    this.#state = state
    for (const listener of this.#listeners) listener(state)
  }

  async #last(channel: Channel): Promise<RegistryState | null> {
    await channel.prefetch(10)
    return new Promise<RegistryState | null>((resolve, reject) => {
      const timer = setTimeout(() => resolve(null), firstAnswerMs)
      watchChannel(channel, (error) => {
        clearTimeout(timer)
        reject(error)
      })
      consumeLast(channel, this.#parts.names.registry, (state) => {
        clearTimeout(timer)
        resolve(state)
      }).catch((error: unknown) => {
        clearTimeout(timer)
        reject(error)
      })
    })
  }

  async #ensure(signal?: AbortSignal): Promise<void> {
    const { link, waitMs, names } = this.#parts
    if ((await lookAt(link, waitMs, names.registry, signal)) === null) await this.#create(signal)
  }

  async #create(signal?: AbortSignal): Promise<void> {
    const { link, waitMs, names, locks } = this.#parts
    const create = async () => {
      await declare(link, waitMs, registryParts(names), signal)
      const last = await onChannel(link, waitMs, 'reading the registry', async (channel) => this.#last(channel), signal)
      if (last === null) await this.#write({ ...emptyRegistry, revision: 1 }, signal)
    }
    // Not the lock of updates: those call this.
    await locks.hold(`${names.registryLock}.create`, create, signal)
  }

  async #write(state: RegistryState, signal?: AbortSignal): Promise<void> {
    const message: Outgoing = {
      exchange: this.#parts.names.registryExchange,
      key: '',
      content: encodeRegistry(state),
      properties: {
        messageId: `registry-${state.revision}`,
        contentType: 'application/json',
        deliveryMode: 2,
        mandatory: true,
      },
    }
    await this.#parts.send([message], signal)
  }
}

async function consumeLast(
  channel: Channel,
  queue: string,
  onState: (state: RegistryState | null) => void,
): Promise<void> {
  await channel.consume(
    queue,
    (message) => {
      // Null: the queue was deleted.
      if (message === null) return onState(null)
      channel.ack(message)
      onState(decodeRegistry(message.content))
    },
    { arguments: { 'x-stream-offset': 'last' } },
  )
}
