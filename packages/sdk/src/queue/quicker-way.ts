/** So many measurements before the choice is thought over. The first after a change is left out: the other way is in it. */
const BLOCK = 4
/** One block in so many is given to the way that is not chosen: disks and machines get slower and quicker. */
const TRY_AGAIN = 16
/** Weight of the newest block in the moving average. */
const WEIGHT = 0.25
/** Going apart is one call more: it has to be worth that. */
const WORTH = 0.7

/**
 * Whether a worker that has nothing left to do gets its next job sooner when it asks for it apart from telling its results,
 * by what both have taken lately: a slow disk makes the one wait, a busy processor the other.
 */
export class QuickerWay {
  apart = false
  readonly #ms: { apart: number | null; together: number | null } = { apart: null, together: null }
  #block: number[] = []
  #isChanged = true
  #blocks = 0

  /** Takes in that the way of this moment took so long. */
  took(ms: number): void {
    if (this.#block.push(ms) < BLOCK) return
    const way = this.apart ? 'apart' : 'together'
    const before = this.#ms[way]
    const typical = middle(this.#block.slice(this.#isChanged ? 1 : 0))
    this.#ms[way] = before === null ? typical : before + WEIGHT * (typical - before)
    this.#block = []
    const next = this.#next()
    this.#isChanged = next !== this.apart
    this.apart = next
  }

  #next(): boolean {
    const { apart, together } = this.#ms
    if (apart === null || together === null) return apart === null
    this.#blocks += 1
    const isQuicker = apart < WORTH * together
    return this.#blocks % TRY_AGAIN === 0 ? !isQuicker : isQuicker
  }
}

/** One that took very long for reasons of its own does not count. */
function middle(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[(all.length - 1) >> 1] ?? 0
}
