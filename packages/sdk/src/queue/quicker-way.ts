/** So many measurements before the choice is thought over. The first after a change is left out: the other way is in it. */
const BLOCK = 4
/** One block in so many is given to the way that is not chosen: disks and machines get slower and quicker. */
const TRY_AGAIN = 32
/** Weight of the newest measurement in the moving average. */
const WEIGHT = 0.2
/** Going apart is one call more: it has to be worth that. */
const WORTH = 0.8

/**
 * Whether a worker that has nothing left to do gets its next job sooner when it asks for it apart from telling its results,
 * by what both have taken lately: a slow disk makes the one wait, a busy processor the other.
 */
export class QuickerWay {
  apart = false
  readonly #ms: { apart: number | null; together: number | null } = { apart: null, together: null }
  #left = BLOCK
  #isFirst = true
  #blocks = 0

  /** Takes in that the way of this moment took so long. */
  took(ms: number): void {
    if (!this.#isFirst) {
      const way = this.apart ? 'apart' : 'together'
      const before = this.#ms[way]
      this.#ms[way] = before === null ? ms : before + WEIGHT * (ms - before)
    }
    this.#isFirst = false
    this.#left -= 1
    if (this.#left > 0) return
    this.#left = BLOCK
    const next = this.#next()
    this.#isFirst = next !== this.apart
    this.apart = next
  }

  #next(): boolean {
    const { apart, together } = this.#ms
    if (apart === null || together === null) return apart === null
    this.#blocks += 1
    const quicker = apart < WORTH * together
    return this.#blocks % TRY_AGAIN === 0 ? !quicker : quicker
  }
}
