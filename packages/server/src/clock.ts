import { setTimeout as delay } from 'node:timers/promises'

/** Waiting is injected; the time of day is the database's (`panda_now()`). */
export interface Clock {
  /** Milliseconds since the epoch. Only for display and for measuring spans inside this process. */
  now(): number
  /** Resolves after so many milliseconds, or at once when the signal aborts (it never rejects). */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(milliseconds, signal) {
    try {
      await delay(milliseconds, undefined, signal ? { signal } : {})
    } catch (error) {
      if (!signal?.aborted) throw error
    }
  },
}
