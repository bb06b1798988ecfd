/** Remembers since when something has been the case, as long as it stays so. Holds only what was named last. */
export class FirstSeen {
  #since = new Map<string, number>()

  /** What is not named any more is forgotten. */
  update(names: Iterable<string>, nowMs: number): void {
    const next = new Map<string, number>()
    for (const name of names) next.set(name, this.#since.get(name) ?? nowMs)
    this.#since = next
  }

  /** Milliseconds; 0 for what is new. */
  ageMs(name: string, nowMs: number): number {
    const since = this.#since.get(name)
    return since === undefined ? 0 : nowMs - since
  }

  *olderThan(milliseconds: number, nowMs: number): Iterable<string> {
    for (const [name, since] of this.#since) if (nowMs - since >= milliseconds) yield name
  }
}
