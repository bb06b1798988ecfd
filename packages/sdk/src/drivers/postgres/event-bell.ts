import { Listener } from './listener.ts'
import { eventsChannel } from './migrate.ts'
import type { Store } from './store.ts'

/** Tells the readers of this process that the log of events has grown: one connection for all of them. */
export class EventLogBell {
  readonly #store: Store
  readonly #listeners = new Set<() => void>()
  readonly #listener: Listener

  constructor(store: Store) {
    this.#store = store
    const ring = (): void => {
      for (const listener of this.#listeners) listener()
    }
    this.#listener = new Listener(store.connections, ring, ring)
  }

  async listen(listener: () => void): Promise<() => void> {
    await this.#store.ready()
    const channel = eventsChannel(this.#store.schema)
    this.#listeners.add(listener)
    try {
      await this.#listener.listen([channel])
    } catch (error) {
      this.#listeners.delete(listener)
      throw error
    }
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#listener.unlisten(channel)
    }
  }

  close(): void {
    this.#listeners.clear()
    this.#listener.close()
  }
}
