import type { AssembledLine } from './line-assembler.ts'
import { lineBytes } from './log-batch.ts'

/** The newest lines up to a number of bytes; older ones fall out. */
export class TailRing {
  readonly #maxBytes: number
  #lines: AssembledLine[] = []
  #first = 0
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get length(): number {
    return this.#lines.length - this.#first
  }

  /** @param onDrop called for each line that falls out, oldest first. */
  push(line: AssembledLine, onDrop: (line: AssembledLine, bytes: number) => void): void {
    this.#lines.push(line)
    this.#bytes += lineBytes(line)
    while (this.#bytes > this.#maxBytes && this.length > 1) {
      const oldest = this.#lines[this.#first]
      if (oldest === undefined) return
      const bytes = lineBytes(oldest)
      this.#first += 1
      this.#bytes -= bytes
      onDrop(oldest, bytes)
    }
    // Cheap on average: half the array is moved after at least as many drops.
    if (this.#first > 64 && this.#first * 2 > this.#lines.length) {
      this.#lines = this.#lines.slice(this.#first)
      this.#first = 0
    }
  }

  /** Takes all lines out, oldest first. */
  drain(): AssembledLine[] {
    const lines = this.#lines.slice(this.#first)
    this.#lines = []
    this.#first = 0
    this.#bytes = 0
    return lines
  }
}
