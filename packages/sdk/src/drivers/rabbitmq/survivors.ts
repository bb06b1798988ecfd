const limit = 50_000

/** Ids of what this process held when it lost a channel and lived on: coming again, they are no suspects. */
export class Survivors {
  readonly #ids = new Set<string>()

  add(id: string): void {
    this.#ids.add(id)
    if (this.#ids.size <= limit) return
    const [oldest] = this.#ids
    if (oldest !== undefined) this.#ids.delete(oldest)
  }

  take(id: string): boolean {
    return this.#ids.delete(id)
  }
}
