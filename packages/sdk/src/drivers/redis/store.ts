/** What all operations of the driver share: the connection for commands, the names of keys, and the register of queues. */
import { PandaError } from '../../errors.ts'
import type { Redis } from './client.ts'
import type { Connection } from './connection.ts'
import type { Script, ScriptArgument } from './script.ts'

export class Store {
  readonly connection: Connection
  readonly #prefix: string
  /** Queues whose names this process has put into the register since it last connected. */
  readonly #registered = new Set<string>()

  constructor(connection: Connection, prefix: string) {
    this.connection = connection
    this.#prefix = prefix
  }

  /** Of all keys of the queue. The braces keep them in one slot of a cluster; those of the name itself are written otherwise. */
  prefixOf(queue: string): string {
    if (queue === '') throw new PandaError('invalid_option', 'A queue cannot have an empty name.')
    const tag = /[%{}]/.test(queue) ? queue.replaceAll(/[%{}]/g, encodeURIComponent) : queue
    return `${this.#prefix}:{${tag}}:`
  }

  /** The set of all queues' names; in a slot of its own. */
  get registerKey(): string {
    return `${this.#prefix}:queues`
  }

  async run(script: Script, queue: string, args: readonly ScriptArgument[], signal?: AbortSignal): Promise<unknown> {
    return this.call(queue, signal, async (redis, prefix) => script.run(redis, prefix, args))
  }

  /** Commands on keys of the queue, which begin with the prefix. All of them are sent again when the connection is lost. */
  async call<T>(
    queue: string,
    signal: AbortSignal | undefined,
    send: (redis: Redis, prefix: string) => Promise<T>,
  ): Promise<T> {
    const prefix = this.prefixOf(queue)
    return this.connection.call(async (redis) => send(redis, prefix), signal)
  }

  /** A queue exists from its first job, setting or worker on. */
  async register(queue: string): Promise<void> {
    if (this.#registered.has(queue)) return
    this.prefixOf(queue)
    await this.connection.call(async (redis) => redis.sadd(this.registerKey, queue))
    this.#registered.add(queue)
  }

  /** The store may be another one, or an emptied one, after an outage. */
  forgetRegistered(): void {
    this.#registered.clear()
  }
}
