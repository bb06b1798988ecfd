import { PandaError } from '../../errors.ts'
import type { Connections } from './connect.ts'
import { toPandaError } from './failures.ts'
import type { PostgresConnection } from './options.ts'

const DOING = 'listen for signals'
const FIRST_RETRY_MS = 50
const LONGEST_RETRY_MS = 1000
/** A connection that only listens shows nothing of a cut: it is asked now and then. */
const ASK_EVERY_MS = 5000

/** The one connection that listens; replaced when it breaks or no longer answers. */
export class Listener {
  readonly #connections: Connections
  readonly #onMessage: (channel: string, payload: string) => void
  readonly #onReconnected: () => void
  readonly #channels = new Set<string>()
  readonly #turns = new WeakMap<PostgresConnection, Promise<unknown>>()
  #connection: PostgresConnection | undefined
  #connecting: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(
    connections: Connections,
    onMessage: (channel: string, payload: string) => void,
    onReconnected: () => void,
  ) {
    this.#connections = connections
    this.#onMessage = onMessage
    this.#onReconnected = onReconnected
  }

  async listen(channels: readonly string[]): Promise<void> {
    const added = channels.filter((channel) => !this.#channels.has(channel))
    for (const channel of channels) this.#channels.add(channel)
    if (this.#connection === undefined) return this.#connect()
    if (added.length > 0) await this.#say(this.#connection, added.map((channel) => `listen "${channel}"`).join(';'))
  }

  unlisten(channel: string): void {
    this.#channels.delete(channel)
    const connection = this.#connection
    if (connection !== undefined) this.#say(connection, `unlisten "${channel}"`).catch(() => this.#lost(connection))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    const connection = this.#connection
    this.#connection = undefined
    connection?.release(true)
  }

  async #connect(): Promise<void> {
    this.#connecting ??= this.#open().finally(() => (this.#connecting = undefined))
    return this.#connecting
  }

  async #open(): Promise<void> {
    const connection = await this.#connections.take(DOING)
    const onError = (): void => this.#lost(connection)
    connection.on('error', onError)
    connection.on('end', onError)
    connection.on('notification', (detail) => {
      const { channel, payload } = detail as { channel: string; payload?: string }
      this.#onMessage(channel, payload ?? '')
    })
    try {
      const known = [...this.#channels]
      await this.#say(connection, known.map((channel) => `listen "${channel}"`).join(';') || 'select 1')
      const missed = [...this.#channels].filter((channel) => !known.includes(channel))
      if (missed.length > 0) await this.#say(connection, missed.map((channel) => `listen "${channel}"`).join(';'))
    } catch (error) {
      connection.release(true)
      throw error
    }
    if (this.#closed) return connection.release(true)
    this.#connection = connection
    this.#askLater(connection)
  }

  async #say(connection: PostgresConnection, text: string): Promise<void> {
    // One after the other: a client of pg takes no second statement while it is at one.
    const turn = (this.#turns.get(connection) ?? Promise.resolve()).then(() => connection.query({ text }))
    this.#turns.set(
      connection,
      turn.catch(() => undefined),
    )
    try {
      await this.#connections.bounded(turn, DOING)
    } catch (error) {
      throw toPandaError(error, DOING)
    }
  }

  #askLater(connection: PostgresConnection): void {
    this.#timer = setTimeout(() => {
      this.#say(connection, 'select 1').then(
        () => (this.#connection === connection ? this.#askLater(connection) : undefined),
        () => this.#lost(connection),
      )
    }, ASK_EVERY_MS)
    this.#timer.unref()
  }

  #lost(connection: PostgresConnection): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    clearTimeout(this.#timer)
    connection.release(true)
    this.#reconnect(FIRST_RETRY_MS)
  }

  #reconnect(waitMs: number): void {
    if (this.#closed || this.#channels.size === 0) return
    this.#timer = setTimeout(() => {
      this.#connect().then(
        () => this.#onReconnected(),
        (error: unknown) => {
          // Closed by ourselves; anything else may pass.
          if (error instanceof PandaError && error.code === 'closed') return
          this.#reconnect(Math.min(LONGEST_RETRY_MS, waitMs * 2))
        },
      )
    }, waitMs)
  }
}
