/**
 * When this process last saw the engine go away. A unit that ended inside an outage may have been ended by the engine
 * itself, whose record then looks like the program's own end.
 */
export class Outages {
  #lastContactMs = 0
  #awaySinceMs: number | null = null
  #newest: { readonly since: Date; readonly until: Date } | null = null

  contact(nowMs: number = Date.now()): void {
    if (this.#awaySinceMs !== null) {
      this.#newest = { since: new Date(this.#awaySinceMs), until: new Date(nowMs) }
      this.#awaySinceMs = null
    }
    this.#lastContactMs = nowMs
  }

  /** @param aliveUntilMs when an open stream broke: until then it was there. Default: the last answer. */
  away(aliveUntilMs: number | null = null): void {
    // After the last sign of life it may have died any time. Never seen at all is no outage: nothing is to be judged.
    const aliveMs = Math.max(this.#lastContactMs, aliveUntilMs ?? 0)
    if (aliveMs > 0) this.#awaySinceMs ??= aliveMs
  }

  /** The newest outage that is over; null when none was seen. */
  get newest(): { readonly since: Date; readonly until: Date } | null {
    return this.#newest
  }
}
