/** Two neighbouring UTF-16 units, hashed to 16 bits. */
const TABLE_SIZE = 1 << 16
/** Longer windows skip further but gain nothing more than this. */
const MAX_WINDOW = 32

/**
 * Finds many fixed strings in one pass (Wu and Manber, 1994): a window as long as the shortest pattern is moved over
 * the text; the table says for the two units at its end how far it may jump. With 6 units and more that is several
 * hundred MB a second, however many patterns there are.
 */
export class PatternScanner {
  readonly shortest: number
  readonly longest: number
  readonly #window: number
  readonly #jumps: Uint8Array
  readonly #candidates = new Map<number, string[]>()

  /** @param patterns each at least 2 units long */
  constructor(patterns: readonly string[]) {
    const lengths = patterns.map((pattern) => pattern.length)
    this.shortest = patterns.length === 0 ? 0 : Math.min(...lengths)
    this.longest = patterns.length === 0 ? 0 : Math.max(...lengths)
    this.#window = Math.min(this.shortest, MAX_WINDOW)
    this.#jumps = new Uint8Array(patterns.length === 0 ? 0 : TABLE_SIZE).fill(Math.max(1, this.#window - 1))
    // The longest first, so that the first candidate that fits is the longest match of its start.
    for (const pattern of [...patterns].sort((a, b) => b.length - a.length)) this.#add(pattern)
  }

  /**
   * The first start of a pattern at or behind `from` and before `limit`; -1 = none. Its length is in {@link length}.
   */
  find(text: string, from: number, limit: number): number {
    const window = this.#window
    if (window === 0) return -1
    const jumps = this.#jumps
    const lastEnd = Math.min(limit - 1 + window, text.length)
    let end = from + window
    while (end <= lastEnd) {
      const hash = ((text.charCodeAt(end - 2) << 8) ^ text.charCodeAt(end - 1)) & (TABLE_SIZE - 1)
      const jump = jumps[hash] ?? 1
      if (jump === 0) {
        const found = this.#candidates.get(hash)?.find((pattern) => text.startsWith(pattern, end - window))
        if (found !== undefined) {
          this.length = found.length
          return end - window
        }
        end += 1
      } else end += jump
    }
    return -1
  }

  /** Of the last match of {@link find}. */
  length = 0

  #add(pattern: string): void {
    for (let index = 1; index < this.#window; index += 1) {
      const hash = ((pattern.charCodeAt(index - 1) << 8) ^ pattern.charCodeAt(index)) & (TABLE_SIZE - 1)
      this.#jumps[hash] = Math.min(this.#jumps[hash] ?? 0, this.#window - 1 - index)
      if (index < this.#window - 1) continue
      const bucket = this.#candidates.get(hash)
      if (bucket) bucket.push(pattern)
      else this.#candidates.set(hash, [pattern])
    }
  }
}
