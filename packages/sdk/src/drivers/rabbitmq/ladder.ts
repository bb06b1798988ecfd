/**
 * The delay queues, in ms, shared by all subscriptions. Each has one fixed time to live, since a message's own one would
 * wait behind longer ones. Other delays are made of several.
 */
export const rungsMs = [
  100, 300, 1_000, 3_000, 10_000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000, 86_400_000,
] as const

/** What is left below this is waited for in the consumer, with the event unacknowledged. */
export const holdMs = rungsMs[0]

/**
 * The delay queue for what is left of a delay; null when it is little enough to be waited for here. Never early; late by at
 * most 2 % of what was left, which saves hops.
 */
export function nextRung(leftMs: number): number | null {
  if (leftMs < holdMs) return null
  let below: number = holdMs
  for (const rung of rungsMs) {
    if (rung <= leftMs) below = rung
    else if (rung - leftMs <= leftMs * 0.02) return rung
  }
  return below
}
