import { Acks } from './acks.ts'
import type { Channel, Connection, Message } from './amqp.ts'
import { closeChannel, openChannel, watchChannel } from './channels.ts'

export interface TapOptions {
  readonly queue: string
  readonly prefetch: number
  readonly onMessage: (message: Message, tap: Tap) => void
  /** The channel was closed or the queue deleted. Not called after `close`. */
  readonly onEnd: (error: Error) => void
}

/** One channel that consumes one queue. */
export class Tap {
  readonly queue: string
  readonly acks: Acks
  readonly #channel: Channel
  readonly #options: TapOptions
  #prefetch: number
  #consumerTag: string | null = null
  #closed = false

  private constructor(channel: Channel, options: TapOptions) {
    this.#channel = channel
    this.#options = options
    this.#prefetch = options.prefetch
    this.queue = options.queue
    this.acks = new Acks(channel)
    watchChannel(channel, (error) => this.#end(error))
  }

  static async open(connection: Connection, options: TapOptions): Promise<Tap> {
    return new Tap(await openChannel(connection), options)
  }

  get consuming(): boolean {
    return this.#consumerTag !== null
  }

  async start(): Promise<void> {
    if (this.#consumerTag !== null) return
    await this.#channel.prefetch(this.#prefetch)
    const { consumerTag } = await this.#channel.consume(this.queue, (message) => {
      if (message === null) this.#end(new Error(`the queue ${this.queue} was deleted`))
      else this.#options.onMessage(message, this)
    })
    this.#consumerTag = consumerTag
  }

  /** Takes nothing more; what was taken can still be acknowledged. */
  async pause(): Promise<void> {
    const tag = this.#consumerTag
    if (tag === null) return
    this.#consumerTag = null
    await this.#channel.cancel(tag)
  }

  /** The broker reads the limit when a consumer starts. */
  async setPrefetch(prefetch: number): Promise<void> {
    if (prefetch === this.#prefetch) return
    this.#prefetch = prefetch
    if (this.#consumerTag === null) return
    await this.pause()
    await this.start()
  }

  /** What is not acknowledged goes back to its queue. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.acks.flush()
    this.#closed = true
    this.acks.end()
    // The broker forgets acknowledgements that it has not passed on when the channel ends.
    await this.#channel.checkQueue(this.queue).catch(() => undefined)
    await closeChannel(this.#channel)
  }

  #end(error: Error): void {
    this.acks.end()
    if (this.#closed) return
    this.#closed = true
    this.#consumerTag = null
    // A channel whose queue was deleted is still open.
    void closeChannel(this.#channel)
    this.#options.onEnd(error)
  }
}
