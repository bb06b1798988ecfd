/** Waiting is injected; the time of day is the database's (`panda_now()`). */
export interface Clock {
  /**
   * Milliseconds on a clock that nobody can set: close to the time of day when the process starts, and from then on never
   * back and never in jumps, whatever is done to the machine's clock. Only for measuring spans and leases inside this
   * process. What is a time of day (of a token's end, of a message) takes `Date.now()` or the database's clock.
   */
  now(): number
  /** Resolves after so many milliseconds, or at once when the signal aborts (it never rejects). */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  // Linux counts no time in which the whole machine sleeps; what comes after a sleep is told by the next heartbeat.
  now: () => performance.timeOrigin + performance.now(),
  // Not the promise of node:timers: aborting that makes an error with a stack, and nobody wants to see it.
  sleep(milliseconds, signal) {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, milliseconds)
      signal?.addEventListener('abort', end)
    })
  },
}
