import type { Clock } from '../clock.ts'

/** SQLSTATE classes and codes after which the same statement may succeed: connection, shutdown, deadlock, crowding. */
const TRANSIENT_SQLSTATE = /^(?:08|53|57P0[1-5]|40001$|40P01$|55P03$|57014$|25006$|25P03$)/
const TRANSIENT_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT', // the unix socket of a server that is restarting
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'store_away', // what the SDK says of the queue in our own database
])
/** What pg itself says when a connection breaks; those errors carry no code. */
const TRANSIENT_TEXT =
  /connection terminated|timeout exceeded when trying to connect|timeout expired|client has encountered a connection error|connection error and is not queryable|query read timeout/i

/** True when the database could not be asked right now; the statement itself was not at fault. */
export function isTransient(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isTransient)
  if (!(error instanceof Error)) return false
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') return TRANSIENT_SQLSTATE.test(code) || TRANSIENT_SYSTEM.has(code)
  return TRANSIENT_TEXT.test(error.message)
}

export interface RetryOptions {
  readonly clock: Pick<Clock, 'sleep'>
  /** Ends the retrying: the error of that moment is thrown. */
  readonly signal?: AbortSignal
  readonly onRetry?: (error: unknown, attempt: number) => void
}

/** First and longest wait between two tries, in milliseconds. */
const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 2000

/** Repeats an idempotent piece of work while the database is away, without end unless the signal ends it. */
export async function retryTransient<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (options.signal?.aborted || !isTransient(error)) throw error
      options.onRetry?.(error, attempt)
      await options.clock.sleep(Math.min(RETRY_MIN_MS * 2 ** (attempt - 1), RETRY_MAX_MS), options.signal)
    }
  }
}
