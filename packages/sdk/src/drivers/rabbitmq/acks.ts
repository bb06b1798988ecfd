import type { Channel } from './amqp.ts'

/**
 * Acknowledgements of one channel, grouped per turn of the event loop: all up to a delivery in one frame where none is
 * missing in between, the others one by one, so that a slow handler does not hold back the window.
 */
export class Acks {
  readonly #channel: Channel
  /** Every delivery below is acknowledged. */
  #low = 1
  /** Settled and not yet told to the broker. */
  readonly #ready = new Set<number>()
  /** Told one by one, above `#low`. */
  readonly #told = new Set<number>()
  #scheduled = false
  #open = true

  constructor(channel: Channel) {
    this.#channel = channel
  }

  get open(): boolean {
    return this.#open
  }

  /** The channel is gone: nothing can be acknowledged any more. */
  end(): void {
    this.#open = false
  }

  add(tag: number): void {
    this.#ready.add(tag)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.flush())
  }

  flush(): void {
    this.#scheduled = false
    if (!this.#open || this.#ready.size === 0) return
    try {
      const last = this.#advance()
      if (last > 0) this.#ack(last, true)
      for (const tag of this.#ready) {
        this.#ack(tag, false)
        this.#told.add(tag)
      }
      this.#ready.clear()
    } catch {
      // Closed a moment ago; the broker delivers them again.
      this.#open = false
    }
  }

  /** @returns the highest of the unbroken row that the broker was not told of; 0 = none. It knows no tag twice. */
  #advance(): number {
    let last = 0
    for (;;) {
      if (this.#ready.delete(this.#low)) last = this.#low
      else if (!this.#told.delete(this.#low)) return last
      this.#low += 1
    }
  }

  #ack(tag: number, upTo: boolean): void {
    this.#channel.ack({ fields: { deliveryTag: tag } } as Parameters<Channel['ack']>[0], upTo)
  }
}
