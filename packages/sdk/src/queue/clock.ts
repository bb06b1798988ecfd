import { MAX_TIMER_MS } from '../duration.ts'

/** Time of this process, so that tests can move it. The store has its own clock. */
export interface Clock {
  /** Ms that only go forward; the start is of no meaning. */
  now(): number
  /** Ms since 1970. */
  wall(): number
  /**
   * Calls once. The process is kept alive by it unless `quiet`.
   * @returns cancels it
   */
  after(ms: number, call: () => void, quiet?: boolean): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, call, quiet = false) {
    const timer = setTimeout(call, Math.min(ms, MAX_TIMER_MS))
    if (quiet) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms`, or as soon as `signal` is aborted. Never rejects. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const done = (): void => {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(ms, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}
