/** An instance that ran so long was no crash at its start: the count begins anew. */
export const STEADY_MS = 60_000
const FIRST_DELAY_MS = 1000
const LONGEST_DELAY_MS = 5 * 60_000
const JITTER = 0.1

/**
 * How long an instance that ended by itself waits for its next start: 1 s, doubling to 5 min, ± 10 %.
 *
 * @param crashes ends in a row, each within {@link STEADY_MS} of its start, this one too
 * @param random 0 to 1
 */
export function restartDelayMs(crashes: number, random: number): number {
  const grown = Math.min(FIRST_DELAY_MS * 2 ** Math.min(crashes - 1, 30), LONGEST_DELAY_MS)
  return Math.round(grown * (1 - JITTER + 2 * JITTER * random))
}
