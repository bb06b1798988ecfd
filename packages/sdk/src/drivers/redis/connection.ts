/**
 * One connection that is made again whenever it is lost. The client library's own reconnecting is off: it neither notices
 * a server that hangs, nor bounds how long a command waits.
 *
 * A call waits for the connection and, when it is lost in the middle of it, is sent again on the next one; all calls of
 * the driver are safe to repeat. After `patienceMs` it fails with `store_away`.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { PandaError } from '../../errors.ts'
import type { MakeClient, Redis } from './client.ts'
import type { RedisSettings } from './options.ts'
import { Pending } from './pending.ts'
import { hostOf } from './read-options.ts'
import { toStoreError, troubleOf } from './store-error.ts'

const FIRST_STEP_MS = 20
const MAX_STEP_MS = 400
const CONNECT_TIMEOUT_MS = 1000
const NOT_ABLE_YET_MS = 100

export type Send<T> = (redis: Redis) => Promise<T>

export interface ConnectionHooks {
  /** Runs on each new connection before it is used; a rejection throws it away. */
  readonly prepare?: (redis: Redis) => Promise<void>
  /** Runs after a connection that has replaced a lost one is ready. */
  readonly onRestored?: () => void
}

export class Connection {
  readonly host: string
  readonly #settings: RedisSettings
  readonly #make: MakeClient
  readonly #hooks: ConnectionHooks
  readonly #pending: Pending
  readonly #waiting = new Set<{ resolve: (redis: Redis) => void; reject: (error: Error) => void }>()
  readonly #ending = new AbortController()
  #ready: Redis | null = null
  #opening: Promise<void> | null = null
  /** Why the last attempt to connect failed. */
  #failure: unknown = null
  #hadOne = false

  constructor(make: MakeClient, settings: RedisSettings, hooks: ConnectionHooks = {}) {
    this.host = hostOf(settings.url)
    this.#make = make
    this.#settings = settings
    this.#hooks = hooks
    this.#pending = new Pending(settings.stallMs, (why) => this.#drop(why))
  }

  /** @throws PandaError store_away, unauthorized, read_only, store_refused, closed; the signal's reason */
  async call<T>(send: Send<T>, signal?: AbortSignal): Promise<T> {
    const until = performance.now() + this.#settings.patienceMs
    for (let failure: unknown = null; ;) {
      const redis = this.#ready ?? (await this.#whenReady(until, failure, signal))
      try {
        return await this.#pending.track(send(redis), signal)
      } catch (error) {
        signal?.throwIfAborted()
        failure = error
        await this.#afterFailure(redis, error, until)
      }
    }
  }

  /** Drops what hangs; the calls on it are sent again. */
  async close(): Promise<void> {
    if (this.#ending.signal.aborted) return
    const error = new PandaError('closed', `The connection to Redis at ${this.host} was closed by this process.`)
    this.#ending.abort(error)
    for (const { reject } of this.#waiting) reject(error)
    this.#drop(error)
    this.#pending.close()
    await this.#opening
  }

  async #afterFailure(redis: Redis, error: unknown, until: number): Promise<void> {
    if (this.#ending.signal.aborted) throw this.#ending.signal.reason
    const trouble = troubleOf(error)
    if (trouble === 'fatal' || performance.now() >= until) throw toStoreError(error, this.host)
    if (trouble === 'lost' && redis === this.#ready) this.#drop(error)
    if (trouble === 'wait' || redis === this.#ready) await delay(NOT_ABLE_YET_MS)
  }

  /** @param failure of the same call on an earlier connection: it says more than that there is none now */
  #whenReady(until: number, failure: unknown, signal?: AbortSignal): Promise<Redis> {
    if (this.#ending.signal.aborted) return Promise.reject(this.#ending.signal.reason as Error)
    signal?.throwIfAborted()
    this.#opening ??= this.#open().finally(() => (this.#opening = null))
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        this.#waiting.delete(entry)
      }
      const entry = {
        resolve: (redis: Redis) => (end(), resolve(redis)),
        reject: (error: Error) => (end(), reject(error)),
      }
      const onAbort = () => entry.reject(signal?.reason as Error)
      const tooLong = () => entry.reject(failure === null ? this.#away() : toStoreError(failure, this.host))
      const timer = setTimeout(tooLong, Math.max(0, until - performance.now()))
      signal?.addEventListener('abort', onAbort)
      this.#waiting.add(entry)
    })
  }

  #away(): PandaError {
    const cause = this.#failure ?? awayBecause('there was no connection in time')
    return toStoreError(troubleOf(cause) === 'fatal' ? cause : awayBecause(cause), this.host)
  }

  /** Until there is a connection, or the end. */
  async #open(): Promise<void> {
    for (let step = FIRST_STEP_MS; !this.#ending.signal.aborted; step = Math.min(step * 2, MAX_STEP_MS)) {
      try {
        await this.#attempt()
        return
      } catch (error) {
        this.#failure = error
        if (troubleOf(error) === 'fatal') {
          // Waiting does not help the callers: they are told at once. What has worked before is tried on.
          for (const { reject } of this.#waiting) reject(toStoreError(error, this.host))
          if (!this.#hadOne) return
        }
      }
      await delay(step * (0.75 + Math.random() / 2), undefined, { signal: this.#ending.signal }).catch(() => undefined)
    }
  }

  async #attempt(): Promise<void> {
    const redis = this.#make(this.#settings.url, CONNECT_TIMEOUT_MS)
    // The reason of a failed connect comes as an event; the rejection only says that it is closed.
    let reason: unknown = null
    redis.on('error', (error: unknown) => (reason = error))
    try {
      await within(CONNECT_TIMEOUT_MS * 2, this.#ending.signal, this.#greet(redis))
    } catch (error) {
      destroy(redis)
      throw reason ?? error
    }
    redis.once('close', () => this.#lost(redis, reason ?? new Error('Connection is closed.')))
    this.#ready = redis
    this.#failure = null
    for (const { resolve } of this.#waiting) resolve(redis)
    if (this.#hadOne) this.#hooks.onRestored?.()
    this.#hadOne = true
  }

  async #greet(redis: Redis): Promise<void> {
    await redis.connect()
    // Answers LOADING while the server reads its data.
    await redis.ping()
    await this.#hooks.prepare?.(redis)
  }

  #drop(why: unknown): void {
    const redis = this.#ready
    if (redis !== null) this.#lost(redis, why)
  }

  #lost(redis: Redis, why: unknown): void {
    destroy(redis)
    if (this.#ready !== redis) return
    this.#ready = null
    this.#pending.rejectAll(troubleOf(why) === 'lost' ? why : awayBecause(why))
    // Not only when the next call comes: a subscriber makes none.
    if (!this.#ending.signal.aborted) this.#opening ??= this.#open().finally(() => (this.#opening = null))
  }
}

function awayBecause(why: unknown): Error {
  return new Error(`Connection is closed. ${why instanceof Error ? why.message : String(why)}`, { cause: why })
}

/** At once: a stalled socket would not take a farewell. */
function destroy(redis: Redis): void {
  redis.disconnect()
  redis.stream?.destroy()
}

async function within(ms: number, ending: AbortSignal, work: Promise<void>): Promise<void> {
  const timer = new AbortController()
  const signal = AbortSignal.any([timer.signal, ending])
  const tooLong = delay(ms, undefined, { signal }).then(() => {
    throw Object.assign(new Error(`Connection is closed. It said nothing for ${ms} ms.`), { code: 'ETIMEDOUT' })
  })
  try {
    await Promise.race([work, tooLong])
  } finally {
    timer.abort()
    tooLong.catch(() => undefined)
    work.catch(() => undefined)
  }
}
