/** Signals pushed by the store: one connection, made with the first listener. */
import type { Signal } from '../../queue/driver.ts'
import type { FinalJobState } from '../../queue/states.ts'
import type { MakeClient, Redis } from './client.ts'
import { Connection } from './connection.ts'
import type { RedisSettings } from './options.ts'

/** A connection on which nobody says anything is asked whether it still works. */
const PING_MS = 2000

interface Listener {
  readonly channels: ReadonlyMap<string, string>
  readonly onSignal: (signal: Signal) => void
}

export class Subscriber {
  readonly #make: MakeClient
  readonly #settings: RedisSettings
  readonly #channelOf: (queue: string) => string
  readonly #listeners = new Set<Listener>()
  #connection: Connection | null = null
  #pings: NodeJS.Timeout | null = null

  constructor(make: MakeClient, settings: RedisSettings, channelOf: (queue: string) => string) {
    this.#make = make
    this.#settings = settings
    this.#channelOf = channelOf
  }

  async listen(queues: readonly string[], onSignal: (signal: Signal) => void): Promise<() => void> {
    const listener = { channels: new Map(queues.map((queue) => [this.#channelOf(queue), queue])), onSignal }
    this.#listeners.add(listener)
    try {
      await this.#connected().call(async (redis) => redis.subscribe(...listener.channels.keys()))
    } catch (error) {
      this.#listeners.delete(listener)
      throw error
    }
    return () => this.#leave(listener)
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    if (this.#pings !== null) clearInterval(this.#pings)
    await this.#connection?.close()
  }

  #connected(): Connection {
    this.#connection ??= new Connection(this.#make, this.#settings, {
      prepare: async (redis) => this.#prepare(redis),
      onRestored: () => this.#tellAll({ kind: 'reconnected' }),
    })
    const connection = this.#connection
    this.#pings ??= setInterval(() => {
      // What comes of it is the connection's business: it is replaced when no answer comes.
      connection.call(async (redis) => redis.ping()).catch(() => undefined)
    }, PING_MS).unref()
    return connection
  }

  async #prepare(redis: Redis): Promise<void> {
    redis.on('message', (channel: string, message: string) => this.#receive(channel, message))
    const channels = this.#channels()
    if (channels.length > 0) await redis.subscribe(...channels)
  }

  #channels(): string[] {
    return [...new Set([...this.#listeners].flatMap(({ channels }) => [...channels.keys()]))]
  }

  #leave(listener: Listener): void {
    if (!this.#listeners.delete(listener)) return
    const stillWanted = new Set(this.#channels())
    const unwanted = [...listener.channels.keys()].filter((channel) => !stillWanted.has(channel))
    if (unwanted.length === 0) return
    // A connection that is lost instead is made again without these channels.
    this.#connection?.call(async (redis) => redis.unsubscribe(...unwanted)).catch(() => undefined)
  }

  #receive(channel: string, message: string): void {
    for (const { channels, onSignal } of this.#listeners) {
      const queue = channels.get(channel)
      if (queue !== undefined) onSignal(toSignal(queue, message))
    }
  }

  #tellAll(signal: Signal): void {
    for (const { onSignal } of this.#listeners) onSignal(signal)
  }
}

type Ended = [string, FinalJobState, string | null, string | null, string | null]

/** The first letter says what it is; the scripts write them. */
function toSignal(queue: string, message: string): Signal {
  const rest = message.slice(1)
  switch (message[0]) {
    case 'c':
      return { kind: 'cancel', queue, ids: JSON.parse(rest) as string[] }
    case 'f': {
      const [id, state, value, error, reason] = JSON.parse(rest) as Ended
      return { kind: 'finished', queue, id, state, value, error, reason }
    }
    case 's':
      return { kind: 'settings', queue }
    default:
      return { kind: 'work', queue }
  }
}
