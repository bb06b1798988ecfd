import type { Signal } from './driver.ts'

type Listener = (signal: Signal) => void

/** Hands the store's signals to whom they concern: one `listen` per store, however many queues and listeners. */
export class SignalHub {
  readonly #listeners = new Map<string, Set<Listener>>()
  #end: (() => void) | null = null
  #listenedTo = ''
  #chain: Promise<void> = Promise.resolve()
  readonly #listen: (queues: readonly string[], onSignal: Listener) => Promise<() => void>

  constructor(listen: (queues: readonly string[], onSignal: Listener) => Promise<() => void>) {
    this.#listen = listen
  }

  /**
   * Resolves once signals of this queue arrive.
   * @returns ends it
   */
  async subscribe(queue: string, listener: Listener): Promise<() => void> {
    const set = this.#listeners.get(queue) ?? new Set()
    this.#listeners.set(queue, set)
    set.add(listener)
    const end = (): void => {
      set.delete(listener)
      if (set.size === 0 && this.#listeners.get(queue) === set) this.#listeners.delete(queue)
    }
    try {
      await this.#refresh()
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  close(): void {
    this.#listeners.clear()
    this.#end?.()
    this.#end = null
  }

  /** Listens to the queues of now; the old set is let go only after the new one is there, so that no signal falls between. */
  #refresh(): Promise<void> {
    const next = this.#refreshAfter(this.#chain)
    this.#chain = next.catch(() => undefined)
    return next
  }

  async #refreshAfter(earlier: Promise<void>): Promise<void> {
    await earlier
    const queues = [...this.#listeners.keys()].sort()
    const key = queues.join('\0')
    if (key === this.#listenedTo && this.#end !== null) return
    const end = await this.#listen(queues, (signal) => this.#dispatch(signal))
    this.#end?.()
    this.#end = end
    this.#listenedTo = key
  }

  #dispatch(signal: Signal): void {
    if (signal.kind === 'reconnected') {
      for (const set of this.#listeners.values()) for (const listener of set) listener(signal)
      return
    }
    const set = this.#listeners.get(signal.queue)
    if (set !== undefined) for (const listener of set) listener(signal)
  }
}
