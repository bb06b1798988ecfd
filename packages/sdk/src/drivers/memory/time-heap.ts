interface Entry<T> {
  readonly at: number
  readonly order: number
  readonly item: T
}

/** What falls due when: the earliest first, equal times in the order in which they came. */
export class TimeHeap<T> {
  readonly #entries: Entry<T>[] = []
  #order = 0

  push(at: number, item: T): void {
    this.#order += 1
    const entries = this.#entries
    const entry = { at, order: this.#order, item }
    let index = entries.length
    entries.push(entry)
    while (index > 0) {
      const up = (index - 1) >> 1
      const parent = entries[up]
      if (parent === undefined || !isBefore(entry, parent)) break
      entries[index] = parent
      index = up
    }
    entries[index] = entry
  }

  first(): { readonly at: number; readonly item: T } | undefined {
    return this.#entries[0]
  }

  dropFirst(): void {
    const last = this.#entries.pop()
    if (last !== undefined && this.#entries.length > 0) this.#sink(last)
  }

  #sink(entry: Entry<T>): void {
    const entries = this.#entries
    let index = 0
    for (;;) {
      const down = this.#smallerChild(index)
      const child = entries[down]
      if (child === undefined || !isBefore(child, entry)) break
      entries[index] = child
      index = down
    }
    entries[index] = entry
  }

  #smallerChild(index: number): number {
    const left = this.#entries[2 * index + 1]
    const right = this.#entries[2 * index + 2]
    return 2 * index + (left !== undefined && right !== undefined && isBefore(right, left) ? 2 : 1)
  }
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
