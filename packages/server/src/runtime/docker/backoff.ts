import { setTimeout as delay } from 'node:timers/promises'

const FIRST_MS = 50
const MOST_MS = 2_000

/** Pauses between tries to reach an engine that is away: 50 ms, doubled up to 2 s. */
export class Backoff {
  #nextMs = FIRST_MS

  /** @throws the signal's reason when it aborts. */
  async pause(signal: AbortSignal | undefined): Promise<void> {
    const ms = this.#nextMs
    this.#nextMs = Math.min(MOST_MS, ms * 2)
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      throw signal?.aborted ? signal.reason : error
    }
  }

  reset(): void {
    this.#nextMs = FIRST_MS
  }
}
