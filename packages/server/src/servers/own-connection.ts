import pg from 'pg'

/** A statement of the heartbeat that takes longer counts as failed: the connection is given up. */
const QUERY_TIMEOUT_MS = 4000
const CONNECT_TIMEOUT_MS = 4000

/** One connection that is opened when it is needed and opened again when it broke. */
export class OwnConnection {
  readonly #url: string
  readonly #onOpen: (client: pg.Client) => Promise<void>
  #client: pg.Client | undefined

  /** @param onOpen prepares each new connection, e.g. takes a session lock */
  constructor(url: string, onOpen: (client: pg.Client) => Promise<void>) {
    this.#url = url
    this.#onOpen = onOpen
  }

  /**
   * @param values asked for when the connection is open: `onOpen` may change them
   * @throws the error of the statement or of the connection, which is then opened anew by the next call
   */
  async query(text: string, values: () => readonly unknown[]): Promise<number> {
    const client = await this.#open()
    try {
      const { rowCount } = await client.query(text, [...values()])
      return rowCount ?? 0
    } catch (error) {
      this.#discard(client)
      throw error
    }
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.end()
  }

  async #open(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'pandastack-server',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    })
    // The next query reports it; without a handler it would end the process.
    client.on('error', () => this.#discard(client))
    try {
      await client.connect()
      await this.#onOpen(client)
    } catch (error) {
      this.#discard(client)
      throw error
    }
    this.#client = client
    return client
  }

  #discard(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined
    // It is broken: how its end goes does not matter.
    client.end().catch(() => undefined)
  }
}
