/** A clock that stands still until it is moved. Milliseconds since the epoch, as Date.now. */
export interface ManualClock {
  readonly now: () => number
  advance(ms: number): void
  set(ms: number): void
}

/** @param startMs default 2026-01-01T00:00:00Z */
export function manualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs
  return {
    now: () => nowMs,
    advance: (ms) => {
      nowMs += ms
    },
    set: (ms) => {
      nowMs = ms
    },
  }
}
