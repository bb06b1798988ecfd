import { durationMs } from '../duration.ts'
import type { Duration } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { checkAttempts, DEFAULT_ATTEMPTS, DEFAULT_BACKOFF, planBackoff } from '../queue/retry-policy.ts'
import type { Backoff, BackoffPlan } from '../queue/retry-policy.ts'
import type { LogPosition } from './driver.ts'
import { logPosition } from './log-position.ts'
import type { LogFrom } from './log-position.ts'
import type { OnceInDatabase, OnceInRedis } from './once/options.ts'

export interface SubscribeOptions {
  /** The consumer group: every group gets every event once, its copies share them. Default: the application's own name. */
  readonly subscription?: string
  /** Events handled at a time in this process. Default 10; 1 with `order: 'strict'`. */
  readonly concurrency?: number
  /** Calls of the handler in all, the first one included. Default 3. A crash of the process is none. */
  readonly attempts?: number
  /** Default: exponential from 1 s, factor 2, at most 1 h, jitter 0.2. */
  readonly backoff?: Backoff
  /** Longest time of one attempt; then its signal is aborted and it has failed. Default: none. */
  readonly timeout?: Duration
  /** `strict`: one event at a time and in order, in one process at a time. Default `none`. */
  readonly order?: 'none' | 'strict'
  /**
   * For a subscription that does not exist yet: it is first filled with what the event log has from there on: how long ago
   * (`2h`), a time, or an offset. Events that were kept for it, or come meanwhile, may come twice, with the same id.
   */
  readonly from?: LogFrom
  /** Remembers what was handled, so that a second delivery is skipped. Default: nothing is remembered. */
  readonly exactlyOnce?: OnceInRedis
}

/** With an inbox in the handler's own database: it gets `event.tx`. */
export interface InboxOptions<D> extends Omit<SubscribeOptions, 'exactlyOnce'> {
  readonly exactlyOnce: OnceInDatabase<D>
}

export interface SubscribePlan {
  readonly concurrency: number
  readonly attempts: number
  readonly backoff: BackoffPlan
  readonly timeoutMs: number | null
  /** Where in the log a new subscription begins; null = with what comes from now on. */
  readonly from: LogPosition | null
}

const KNOWN = new Set(['subscription', 'concurrency', 'attempts', 'backoff', 'timeout', 'order', 'exactlyOnce', 'from'])

/** @throws PandaError invalid_option */
export function planSubscribe(options: SubscribeOptions, nowMs: number): SubscribePlan {
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw new PandaError('invalid_option', `subscribe has no option "${name}"`)
  }
  const concurrency = options.concurrency ?? (options.order === 'strict' ? 1 : 10)
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 10_000)
    throw new PandaError('invalid_option', `concurrency must be a whole number from 1 on, not ${String(concurrency)}`)
  if (options.order === 'strict' && concurrency !== 1)
    throw new PandaError('invalid_option', 'order "strict" and a concurrency above 1 exclude each other')
  return {
    concurrency,
    attempts: options.attempts === undefined ? DEFAULT_ATTEMPTS : checkAttempts(options.attempts),
    backoff: options.backoff === undefined ? DEFAULT_BACKOFF : planBackoff(options.backoff),
    timeoutMs: options.timeout === undefined ? null : durationMs(options.timeout, 'timeout'),
    from: options.from === undefined ? null : logPosition(options.from, nowMs),
  }
}
