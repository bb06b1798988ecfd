import { PandaError } from '../errors.ts'
import { Listener } from '../drivers/postgres/listener.ts'
import { outboxChannel } from '../drivers/postgres/migrate.ts'
import { type PostgresPool, settle } from '../drivers/postgres/options.ts'
import { Store } from '../drivers/postgres/store.ts'
import type { QueueDriver } from '../queue/driver.ts'
import { loadDriver } from '../queue/load-driver.ts'
import { findStoreUrl } from '../queue/store-url.ts'
import { carry, type OutboxTarget } from './carry.ts'

export interface OutboxOptions {
  /** The database whose transactions write jobs. Either this or `pool`. */
  readonly databaseUrl?: string
  /** Your own pool of `pg` instead; it stays yours. */
  readonly pool?: PostgresPool
  /** Default `panda_queue`. */
  readonly schema?: string
  /** URL of the store that the queues live in. Default: PANDA_QUEUE_URL, else REDIS_URL. */
  readonly url?: string
  /** Key prefix on Redis. Default `panda`. */
  readonly namespace?: string
  /** A driver of that store that you made yourself, instead of `url`; it stays yours. */
  readonly target?: OutboxTarget
  /** Told when a store was away or refused; what was written is kept and tried again. Default: nothing is said. */
  readonly onError?: (error: PandaError) => void
  /** A look without a wake-up, in ms, for wake-ups that got lost. Default 5,000. */
  readonly safetyMs?: number
}

export interface Outbox {
  /** Resolves when all that is committed by now has been carried over, by this process or another. */
  flush(): Promise<void>
  /** Ends after the batch under way. */
  close(): Promise<void>
}

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 5000

/**
 * Makes the outbox in the database if it is not there, and carries over jobs as soon as their transactions commit. Any
 * number of processes may run it: one at a time works, another goes on when that one dies.
 * @throws PandaError no_store, invalid_option, store_away, unauthorized
 */
export async function startOutbox(options: OutboxOptions): Promise<Outbox> {
  const { databaseUrl, pool, schema, namespace } = options
  const own = options.target === undefined ? await loadDriver(findStoreUrl(options.url), namespace) : null
  const store = new Store(
    settle({
      ...(databaseUrl === undefined ? {} : { url: databaseUrl }),
      ...(pool === undefined ? {} : { pool }),
      ...(schema === undefined ? {} : { schema }),
      connections: 2,
    }),
  )
  const outbox = new RunningOutbox(store, options, own)
  try {
    await store.ready()
    await outbox.start()
  } catch (error) {
    await outbox.close()
    throw error
  }
  return outbox
}

class RunningOutbox implements Outbox {
  readonly #store: Store
  readonly #options: OutboxOptions
  readonly #target: OutboxTarget
  /** The driver that is ours to close. */
  readonly #own: QueueDriver | null
  readonly #listener: Listener
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isWoken = false
  #isClosed = false
  #retryMs = FIRST_RETRY_MS

  constructor(store: Store, options: OutboxOptions, own: QueueDriver | null) {
    const target = options.target ?? own
    if (target === null) throw new PandaError('no_store', 'the outbox has no store to carry jobs to')
    this.#store = store
    this.#options = options
    this.#target = target
    this.#own = own
    const wake = (): void => this.#wake()
    this.#listener = new Listener(store.connections, wake, wake)
  }

  async start(): Promise<void> {
    await this.#listener.listen([outboxChannel(this.#store.schema)])
    this.#wake()
  }

  async flush(): Promise<void> {
    while ((await carry(this.#store, this.#target, true)) !== 0);
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#running
    this.#listener.close()
    await this.#store.connections.close()
    await this.#own?.close()
  }

  /** One pass at a time; a wake-up during a pass makes another one. */
  #wake(): void {
    this.#isWoken = true
    if (this.#isClosed || this.#running !== undefined) return
    clearTimeout(this.#timer)
    this.#running = this.#pass().finally(() => (this.#running = undefined))
  }

  async #pass(): Promise<void> {
    let waitMs = this.#options.safetyMs ?? 5000
    try {
      while (this.#isWoken && !this.#isClosed) {
        this.#isWoken = false
        const carried = await carry(this.#store, this.#target, false)
        // Another process is at it, and may have looked before what woke us was there.
        if (carried === null) waitMs = Math.min(waitMs, FIRST_RETRY_MS)
        else if (carried > 0) this.#isWoken = true
      }
      this.#retryMs = FIRST_RETRY_MS
    } catch (error) {
      waitMs = this.#retryMs
      this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2)
      this.#options.onError?.(
        error instanceof PandaError ? error : new PandaError('store_refused', String(error), { cause: error }),
      )
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => this.#wake(), waitMs)
  }
}
