import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { RuntimeError } from '../runtime/driver.ts'

/** First and longest wait between two calls of an engine that is away, in milliseconds. */
const MIN_DELAY_MS = 1000
const MAX_DELAY_MS = 30_000

/**
 * What all runs of this server know of the engine being away. The wait between tries grows with the time it has been
 * away, so it doubles, and is the same for a thousand runs as for one.
 */
export class EnginePatience {
  readonly #clock: Clock
  readonly #log: Pick<Log, 'warn' | 'info'>
  #awaySinceMs: number | null = null
  /** Of the calls that wait for it: one each. */
  readonly #waiting = new Set<AbortController>()

  constructor(clock: Clock, log: Pick<Log, 'warn' | 'info'>) {
    this.#clock = clock
    this.#log = log
  }

  get away(): boolean {
    return this.#awaySinceMs !== null
  }

  /** @returns milliseconds to wait before the engine is asked again */
  noteAway(error: RuntimeError): number {
    if (this.#awaySinceMs === null) {
      this.#awaySinceMs = this.#clock.now()
      this.#log.warn({ err: error }, 'the engine is away; runs wait for it')
    }
    const awayMs = this.#clock.now() - this.#awaySinceMs
    return Math.min(Math.max(awayMs, MIN_DELAY_MS), MAX_DELAY_MS)
  }

  noteBack(): void {
    if (this.#awaySinceMs === null) return
    this.#awaySinceMs = null
    this.#log.info('the engine is back')
    for (const waiting of this.#waiting) waiting.abort()
  }

  /** Repeats a call while the engine is away, until the signal aborts; then, and on other errors, it rejects. */
  async call<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted()
      try {
        const result = await work()
        this.noteBack()
        return result
      } catch (error) {
        if (!isAway(error)) throw error
        await this.#wait(this.noteAway(error), signal)
      }
    }
  }

  /**
   * Ends early when the engine has answered somebody else: one that is slow for some calls, as while it stops many
   * containers, would else keep the others waiting for half a minute after each. Never less than the shortest wait.
   */
  async #wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(MIN_DELAY_MS, signal)
    const restMs = milliseconds - MIN_DELAY_MS
    if (restMs <= 0 || signal.aborted || !this.away) return
    const waiting = new AbortController()
    const end = (): void => waiting.abort()
    signal.addEventListener('abort', end, { once: true })
    this.#waiting.add(waiting)
    try {
      await this.#clock.sleep(restMs, waiting.signal)
    } finally {
      this.#waiting.delete(waiting)
      signal.removeEventListener('abort', end)
    }
  }
}

export function isAway(error: unknown): error is RuntimeError {
  return error instanceof RuntimeError && error.code === 'engine-away'
}
