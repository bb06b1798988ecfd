import { pause } from '../queue/clock.ts'
import type { Clock } from '../queue/clock.ts'
import type { Attempt } from './event-context.ts'
import { type EventKey, NotBegun, type Once } from './once/once.ts'

const RETRY_MS = 1000

export interface OnceRules {
  readonly clock: Clock
  readonly closing: AbortSignal
  readonly onError: (error: Error) => void
}

/**
 * Does the work unless it was done before. A store that cannot be asked is waited for, since that is no failure of the
 * handler.
 * @returns `released`: the subscription was closed before the store could be asked
 * @throws what the work threw
 */
export async function callOnce(
  once: Once,
  event: EventKey,
  work: (tx: unknown) => Promise<void>,
  rules: OnceRules,
): Promise<'done' | 'duplicate' | 'released'> {
  for (;;) {
    try {
      return await once.run(event, work)
    } catch (error) {
      if (!(error instanceof NotBegun)) throw error
      rules.onError(error)
      await pause(rules.clock, RETRY_MS, rules.closing)
      if (rules.closing.aborted) return 'released'
    }
  }
}

/**
 * A handler that overstays its time is told so, and has failed, but is waited for: what it still wrote would be outside of
 * a transaction that has been ended without it.
 */
export async function untilItEnds(
  ms: number | null,
  attempt: Attempt,
  clock: Clock,
  work: () => Promise<unknown>,
): Promise<void> {
  let late: Error | null = null
  const cancel = ms === null ? undefined : clock.after(ms, () => (late = attempt.timeOut(ms)))
  try {
    await work()
  } finally {
    cancel?.()
  }
  if (late !== null) throw late as Error
}
