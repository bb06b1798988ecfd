import { PandaError } from '../../errors.ts'
import type { Address } from './address.ts'
import { type AmqpModule, type Connection, loadAmqp } from './amqp.ts'
import { toPandaError } from './errors.ts'
import { wait } from './wait.ts'

/**
 * One connection that comes back by itself.
 *
 * idle → connecting → up → waiting → connecting → …; any → closed. `idle`: nobody has asked yet. `connecting`: the handshake
 * is under way. `up`: channels can be opened. `waiting`: lost or refused; the next try is at hand (at once after a loss,
 * then 100 ms, doubling up to 5 s, each with jitter). `closed`: by us, for ever.
 */
export type LinkState = 'idle' | 'connecting' | 'up' | 'waiting' | 'closed'

export interface LinkSettings {
  readonly waitMs: number
  readonly heartbeatSeconds: number
  readonly connectionName: string
}

const firstRetryMs = 100
const lastRetryMs = 5_000
const handshakeMs = 10_000
const closeMs = 2_000

export class Link {
  readonly address: Address
  state: LinkState = 'idle'
  /** The broker has asked publishers to stop: memory or disk are short. */
  blocked = false
  /** Ms since 1970 of the last connection that was not the first; 0 = none. */
  reconnectedAt = 0
  version = ''
  readonly #settings: LinkSettings
  #connection: Connection | null = null
  #lastError: PandaError | null = null
  #tries = 0
  #connectedOnce = false
  #retryTimer: NodeJS.Timeout | undefined
  readonly #waiters = new Set<() => void>()
  readonly #upListeners = new Set<(connection: Connection) => void>()
  readonly #downListeners = new Set<(error: PandaError) => void>()

  constructor(address: Address, settings: LinkSettings) {
    this.address = address
    this.#settings = settings
  }

  onUp(listener: (connection: Connection) => void): () => void {
    this.#upListeners.add(listener)
    return () => this.#upListeners.delete(listener)
  }

  onDown(listener: (error: PandaError) => void): () => void {
    this.#downListeners.add(listener)
    return () => this.#downListeners.delete(listener)
  }

  /** The connection, or null when it is not up; starts connecting when nobody has yet. */
  current(): Connection | null {
    if (this.state === 'idle') void this.#connect()
    return this.state === 'up' ? this.#connection : null
  }

  lastError(): PandaError | null {
    return this.#lastError
  }

  /**
   * Waits for the connection.
   * @throws PandaError store_away after `waitMs`; unauthorized, wrong_namespace as soon as the broker says so; closed
   */
  async ready(signal?: AbortSignal): Promise<Connection> {
    const until = Date.now() + this.#settings.waitMs
    for (;;) {
      signal?.throwIfAborted()
      const connection = this.current()
      if (connection !== null) return connection
      if (this.state === 'closed') throw new PandaError('closed', `The connection to ${this.address.label} was closed.`)
      const last = this.#lastError
      if (last !== null && last.code !== 'store_away') throw last
      const left = until - Date.now()
      if (left <= 0) throw this.away()
      await this.#change(left, signal)
    }
  }

  away(): PandaError {
    const why = this.blocked
      ? 'it takes no publishes: its memory or disk is short'
      : (this.#lastError?.message ?? 'no answer')
    return new PandaError('store_away', `${this.address.label} was away for ${this.#settings.waitMs} ms: ${why}`, {
      cause: this.#lastError ?? undefined,
    })
  }

  /** Ends the connection as broken; a new one is made at once. */
  drop(reason: string): void {
    const connection = this.#connection
    if (connection !== null) this.#lost(connection, new Error(reason))
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return
    const connection = this.#connection
    this.#move('closed')
    clearTimeout(this.#retryTimer)
    this.#connection = null
    if (connection === null) return
    // On a stalled network no answer would come.
    await Promise.race([connection.close().catch(() => undefined), wait(closeMs)])
    destroySocket(connection)
  }

  async #connect(): Promise<void> {
    this.#move('connecting')
    try {
      const amqp = await loadAmqp()
      const connection = await this.#open(amqp)
      if (this.#isClosed()) return destroySocket(connection)
      this.#adopt(connection)
    } catch (error) {
      if (this.#isClosed()) return
      this.#lastError = toPandaError(error, this.address, 'the connection')
      this.#retryLater()
    }
  }

  #isClosed(): boolean {
    return this.state === 'closed'
  }

  async #open(amqp: AmqpModule): Promise<Connection> {
    const { secure, host, port, user, password, vhost } = this.address
    const server = {
      protocol: secure ? 'amqps' : 'amqp',
      hostname: host,
      port,
      username: user,
      password,
      // The library decodes this one.
      vhost: encodeURIComponent(vhost),
      heartbeat: this.#settings.heartbeatSeconds,
    }
    return amqp.connect(server, {
      noDelay: true,
      timeout: handshakeMs,
      clientProperties: { connection_name: this.#settings.connectionName },
    })
  }

  #adopt(connection: Connection): void {
    this.#connection = connection
    this.#tries = 0
    this.#lastError = null
    this.blocked = false
    if (this.#connectedOnce) this.reconnectedAt = Date.now()
    this.#connectedOnce = true
    const { version } = connection.connection.serverProperties
    this.version = typeof version === 'string' ? version : ''
    let failure: Error | undefined
    connection.on('error', (error: Error) => (failure = error))
    connection.on('close', (error?: Error) =>
      this.#lost(connection, failure ?? error ?? new Error('connection closed')),
    )
    connection.on('blocked', () => (this.blocked = true))
    connection.on('unblocked', () => (this.blocked = false))
    this.#move('up')
    for (const listener of this.#upListeners) listener(connection)
  }

  #lost(connection: Connection, error: Error): void {
    if (this.#connection !== connection) return
    this.#connection = null
    destroySocket(connection)
    if (this.state === 'closed') return
    this.#lastError = toPandaError(error, this.address, 'the connection was lost')
    this.#retryLater()
    for (const listener of this.#downListeners) listener(this.#lastError)
  }

  #retryLater(): void {
    const ceiling = Math.min(lastRetryMs, firstRetryMs * 2 ** (this.#tries - 1))
    const delay = this.#tries === 0 && this.#connectedOnce ? 0 : ceiling * (0.5 + Math.random() / 2)
    this.#tries += 1
    this.#move('waiting')
    this.#retryTimer = setTimeout(() => void this.#connect(), delay)
  }

  #move(state: LinkState): void {
    this.state = state
    for (const wake of this.#waiters) wake()
  }

  async #change(limitMs: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#waiters.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, limitMs)
      this.#waiters.add(done)
      signal?.addEventListener('abort', done)
    })
  }
}

/** The library ends a broken socket politely, which a stalled network never answers. */
function destroySocket(connection: Connection): void {
  const { stream } = connection.connection as {
    stream?: { destroy(): void; on(event: 'error', listener: () => void): void }
  }
  // What is still in flight on a socket that we give up may fail: nobody waits for it any more.
  stream?.on('error', () => undefined)
  stream?.destroy()
}
