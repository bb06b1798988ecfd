import { type EventKey, NotBegun, type Once } from './once.ts'

/** What is needed of a client of Redis: one of ioredis fits. */
export interface RedisClient {
  get(key: string): Promise<string | null>
  set(key: string, value: string, unit: 'PX', ms: number): Promise<unknown>
}

export interface RedisOnceOptions {
  readonly subscription: string
  readonly redis: RedisClient
  /** How long a handled event is remembered, in ms. */
  readonly keepMs: number
  /** First word of the keys. */
  readonly prefix: string
  /** Told when a handled event could not be noted: it is done, and may be done again if it is delivered again. */
  readonly onError: (error: Error) => void
}

/**
 * The light version: a key per handled event, written after its handler. What dies in between is done again, and so is what
 * two consumers get at the same time.
 */
export class RedisOnce implements Once {
  readonly #options: RedisOnceOptions

  constructor(options: RedisOnceOptions) {
    this.#options = options
  }

  async prepare(): Promise<void> {}

  async run(event: EventKey, work: (tx: unknown) => Promise<void>): Promise<'done' | 'duplicate'> {
    const { redis, keepMs, onError } = this.#options
    const key = this.#keyOf(event)
    let known: string | null
    try {
      known = await redis.get(key)
    } catch (error) {
      throw new NotBegun(error)
    }
    if (known !== null) return 'duplicate'
    await work(undefined)
    try {
      await redis.set(key, '1', 'PX', keepMs)
    } catch (error) {
      onError(new Error(`Event ${event.id} was handled, and could not be noted: ${String(error)}`, { cause: error }))
    }
    return 'done'
  }

  /** Redis does so itself. */
  async clean(): Promise<number> {
    return 0
  }

  #keyOf({ id, source }: EventKey): string {
    const { prefix, subscription } = this.#options
    return `${prefix}:once:${subscription}:${id}:${source}`
  }
}
