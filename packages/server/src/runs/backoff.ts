import { type CronjobSpec, parseDuration } from '@pandastack/contract'

export type RetryPolicy = CronjobSpec['retry']

/**
 * Milliseconds to wait before the next attempt.
 *
 * @param failures attempts that have ended badly so far, 1 or more
 * @param random 0 to 1, spreads the delay by ± `jitter` of itself
 */
export function backoffMs({ backoff }: RetryPolicy, failures: number, random: number): number {
  const delay = parseDuration(backoff.delay)
  const max = parseDuration(backoff.max)
  const grown = backoff.kind === 'fixed' ? delay : delay * backoff.factor ** (Math.max(1, failures) - 1)
  const spread = 1 + backoff.jitter * (2 * random - 1)
  return Math.round(Math.min(grown, max) * spread)
}
