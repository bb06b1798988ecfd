import { OutboundError } from './outbound.ts'

/** Waits between tries: ten in about a day, then the message is dead. The first ones ride out a restart. */
const RETRY_AFTER_S = [2, 10, 30, 120, 600, 1800, 3600, 14_400, 43_200] as const
export const MAX_TRIES = RETRY_AFTER_S.length + 1

/**
 * @param tries that have failed, the last one included
 * @returns milliseconds; null = no further try. A refused address stays refused, so it is not tried again.
 */
export function retryDelayMs(tries: number, error: unknown): number | null {
  if (error instanceof OutboundError && error.refused) return null
  const seconds = RETRY_AFTER_S[tries - 1]
  if (seconds === undefined) return null
  const asked = error instanceof OutboundError ? (error.retryAfterMs ?? 0) : 0
  return Math.max(seconds * 1000, asked)
}
