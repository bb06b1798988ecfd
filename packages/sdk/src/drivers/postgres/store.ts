import { Connections, type Row, type Statement } from './connect.ts'
import { migrate } from './migrate.ts'
import type { Settled } from './options.ts'

/** The schema, there and up to date, and what is remembered of it. */
export class Store {
  readonly schema: string
  readonly connections: Connections
  readonly #queues = new Map<string, Promise<number>>()
  #ready: Promise<void> | undefined

  constructor(options: Settled) {
    this.schema = options.schema
    this.connections = new Connections(options)
  }

  /** `{s}` in the text stands for the schema. */
  async run(statement: Statement, signal?: AbortSignal): Promise<readonly Row[]> {
    await this.ready()
    const text = statement.text.replaceAll('{s}', this.schema)
    // A connection of the caller's pool may serve two schemas.
    const name = statement.name === undefined ? {} : { name: `${statement.name}_${this.schema}` }
    return this.connections.run({ ...statement, ...name, text }, signal)
  }

  async ready(): Promise<void> {
    this.#ready ??= migrate(this.connections, this.schema)
    try {
      await this.#ready
    } catch (error) {
      // The next call tries again: the store may have been away.
      this.#ready = undefined
      throw error
    }
  }

  /** The number of the queue, which is made at its first use. */
  async queue(name: string): Promise<number> {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const asked = this.#ask(name)
    this.#queues.set(name, asked)
    asked.catch(() => this.#queues.delete(name))
    return asked
  }

  /** The same for what only reads; 0, which no queue has, when there is none of this name. */
  async lookup(name: string): Promise<number> {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const [row] = await this.run({
      text: 'select id from {s}.queues where name = $1',
      values: [name],
      doing: `look up the queue ${name}`,
    })
    if (row === undefined) return 0
    const id = Number(row['id'])
    this.#queues.set(name, Promise.resolve(id))
    return id
  }

  async #ask(name: string): Promise<number> {
    const [row] = await this.run({
      text: 'select {s}.queue_1($1) as id',
      values: [name],
      doing: `look up the queue ${name}`,
    })
    return Number(row?.['id'])
  }
}
