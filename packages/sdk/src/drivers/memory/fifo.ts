const COMPACT_FROM = 1024

/** First in, first out, with a way in at the front; both ends in constant time. */
export class Fifo<T> {
  #front: T[] = []
  #back: (T | undefined)[] = []
  #head = 0

  push(item: T): void {
    this.#back.push(item)
  }

  unshift(item: T): void {
    this.#front.push(item)
  }

  first(): T | undefined {
    return this.#front.at(-1) ?? this.#back[this.#head]
  }

  dropFirst(): void {
    if (this.#front.length > 0) {
      this.#front.pop()
      return
    }
    if (this.#head === this.#back.length) return
    this.#back[this.#head] = undefined
    this.#head += 1
    if (this.#head < COMPACT_FROM || this.#head * 2 < this.#back.length) return
    this.#back = this.#back.slice(this.#head)
    this.#head = 0
  }
}
