/** Bounds the memory; when there are more, the oldest may guess again. */
const MAX_ADDRESSES = 10_000
/** A blocked address may still try so often, so that a right token gets in beside somebody who guesses. */
const TRY_EVERY_MS = 1000

interface Blocked {
  readonly untilMs: number
  nextTryMs: number
}

/** Addresses that have sent too many wrong tokens. */
export class BlockedAddresses {
  readonly #now: () => number
  readonly #blocked = new Map<string, Blocked>()

  /** @param now milliseconds on a steady clock */
  constructor(now: () => number) {
    this.#now = now
  }

  add(address: string, forMs: number): void {
    const oldest = this.#blocked.keys().next()
    if (this.#blocked.size >= MAX_ADDRESSES && !oldest.done) this.#blocked.delete(oldest.value)
    const now = this.#now()
    const before = this.#blocked.get(address)
    this.#blocked.set(address, { untilMs: now + forMs, nextTryMs: before?.nextTryMs ?? now })
  }

  /** Whether a token that is not known yet may be looked up for this address; uses up its try of this second. */
  mayTry(address: string): boolean {
    const blocked = this.#blocked.get(address)
    if (blocked === undefined) return true
    const now = this.#now()
    if (blocked.untilMs <= now) {
      this.#blocked.delete(address)
      return true
    }
    if (now < blocked.nextTryMs) return false
    blocked.nextTryMs = now + TRY_EVERY_MS
    return true
  }
}
