import { PandaError } from '../errors.ts'
import { pause } from './clock.ts'
import type { Clock } from './clock.ts'

/** Between two tries while the store is away: from 50 ms, doubled, at most 1 s, so that its return is seen within 2 s. */
export const FIRST_PAUSE_MS = 50
export const MAX_PAUSE_MS = 1000

export function isAway(error: unknown): boolean {
  return error instanceof PandaError && error.code === 'store_away'
}

export interface PatientOptions {
  readonly clock: Clock
  /** What is done, for the message, e.g. `add to queue "uploads"`. */
  readonly what: string
  /** By `clock.now()`. */
  readonly deadline: number
  /** Ends the waiting early. */
  readonly signal?: AbortSignal
}

/**
 * Repeats a call while the store is away, until the deadline. Every call across the seam is safe to repeat.
 * @throws PandaError store_away when the time is over, closed when the signal is aborted, and what else the call throws
 */
export async function patiently<T>(call: (signal: AbortSignal) => Promise<T>, options: PatientOptions): Promise<T> {
  const { clock, deadline } = options
  // What the driver said last: who gives up at the deadline names the reason, not only the time.
  let last: unknown
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, MAX_PAUSE_MS)) {
    const left = deadline - clock.now()
    try {
      return await bounded(call, Math.max(left, 1), options, () => awayError(options.what, last))
    } catch (error) {
      if (options.signal?.aborted === true) throw closedError(options.what)
      if (!isAway(error) || error instanceof GaveUp) throw error
      last = error
      if (deadline - clock.now() <= wait) throw awayError(options.what, error)
    }
    await pause(clock, wait, options.signal)
  }
}

/** One try that ends at the deadline even if the driver says nothing. */
function bounded<T>(
  call: (signal: AbortSignal) => Promise<T>,
  ms: number,
  options: PatientOptions,
  tooLate: () => PandaError,
): Promise<T> {
  const abort = new AbortController()
  return new Promise((resolve, reject) => {
    const stop = (error: PandaError): void => {
      end()
      reject(error)
      abort.abort(error)
    }
    const cancel = options.clock.after(ms, () => stop(tooLate()))
    const onAbort = (): void => stop(closedError(options.what))
    const end = (): void => {
      cancel()
      options.signal?.removeEventListener('abort', onAbort)
    }
    if (options.signal?.aborted === true) return onAbort()
    options.signal?.addEventListener('abort', onAbort, { once: true })
    void call(abort.signal).finally(end).then(resolve, reject)
  })
}

/** The deadline has passed: not to be tried again. */
class GaveUp extends PandaError {}

function awayError(what: string, cause?: unknown): PandaError {
  const reason = cause instanceof Error ? cause.message : 'the store did not answer in time'
  return new GaveUp('store_away', `Could not ${what}: ${reason}`, { cause })
}

function closedError(what: string): PandaError {
  return new PandaError('closed', `The queue was closed during: ${what}`)
}
