/** What a test has opened, closed at the end of the block in the opposite order. Node 20 has no AsyncDisposableStack. */
export class Scope implements AsyncDisposable {
  readonly #closers: (() => unknown)[] = []

  use<T extends AsyncDisposable>(opened: T): T {
    this.#closers.push(async () => opened[Symbol.asyncDispose]())
    return opened
  }

  defer(close: () => unknown): void {
    this.#closers.push(close)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) await close()
  }
}
