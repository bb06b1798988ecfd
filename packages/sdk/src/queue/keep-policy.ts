import type { KeepPolicy } from './driver.ts'

const HOUR_MS = 3_600_000

/** How long what has ended is kept, unless a worker says otherwise. */
export const DEFAULT_KEEP: KeepPolicy = {
  succeeded: { count: 1000, ageMs: HOUR_MS },
  cancelled: { count: 1000, ageMs: HOUR_MS },
  dead: { count: 10_000, ageMs: 30 * 24 * HOUR_MS },
}
