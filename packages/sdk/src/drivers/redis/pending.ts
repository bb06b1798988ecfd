/** The calls on a connection that wait for their answers, and the watch over them. */
const LOOKS_PER_STALL = 4

interface Entry {
  readonly reject: (error: unknown) => void
}

export class Pending {
  readonly #entries = new Set<Entry>()
  readonly #stallMs: number
  readonly #onStall: (error: Error) => void
  #timer: NodeJS.Timeout | null = null
  /** When an answer came last, or the first of those that wait was sent. */
  #heardAt = 0
  #lookedAt = 0

  constructor(stallMs: number, onStall: (error: Error) => void) {
    this.#stallMs = stallMs
    this.#onStall = onStall
  }

  track<T>(sent: Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = () => {
        this.#entries.delete(entry)
        signal?.removeEventListener('abort', onAbort)
      }
      const entry: Entry = { reject: (error) => (end(), reject(error)) }
      const onAbort = () => entry.reject(signal?.reason)
      if (this.#entries.size === 0) this.#begin()
      this.#entries.add(entry)
      signal?.addEventListener('abort', onAbort)
      const settle = (how: () => void) => {
        this.#heardAt = performance.now()
        end()
        how()
      }
      sent.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      )
    })
  }

  rejectAll(error: unknown): void {
    for (const entry of this.#entries) entry.reject(error)
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #begin(): void {
    this.#heardAt = performance.now()
    if (this.#timer !== null) return
    this.#lookedAt = performance.now()
    this.#timer = setInterval(() => this.#look(), this.#stallMs / LOOKS_PER_STALL)
    this.#timer.unref()
  }

  #look(): void {
    const now = performance.now()
    const late = now - this.#lookedAt - this.#stallMs / LOOKS_PER_STALL
    this.#lookedAt = now
    if (this.#entries.size === 0) return this.close()
    // This process itself was held up, and answers may lie in the socket unread: they get one more look's time.
    if (late > this.#stallMs / LOOKS_PER_STALL) return
    if (now - this.#heardAt < this.#stallMs) return
    this.#onStall(new Error(`Connection is closed. No answer for ${Math.round(now - this.#heardAt)} ms.`))
  }
}
