import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { PandaError } from '../../errors.ts'
import { codeOf, toPandaError } from './failures.ts'
import type { PostgresConnection, PostgresPool, Settled } from './options.ts'

const CLOSE_MS = 2000
/** Two statements that wait for each other: the server ends one of them, whole, and the other goes on. */
const DEADLOCK = '40P01'
const DEADLOCK_REPEATS = 3

export interface Statement {
  readonly text: string
  readonly values?: readonly unknown[]
  /** Prepared once per connection under this name. */
  readonly name?: string
  /** Completes "PostgreSQL did not …". */
  readonly doing: string
}

export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>
export type Row = Readonly<Record<string, unknown>>

/** A pool whose every wait is bounded. */
export class Connections {
  readonly #options: Settled
  readonly #closing = new AbortController()
  #opened: Promise<PostgresPool & { end?: () => Promise<void> }> | undefined
  #closed: Promise<void> | undefined
  /** False once a pooler in between has shown that it does not keep prepared statements. */
  #prepares = true

  constructor(options: Settled) {
    this.#options = options
    // Every call under way listens to it.
    setMaxListeners(0, this.#closing.signal)
  }

  get closed(): boolean {
    return this.#closing.signal.aborted
  }

  /** @param repeats so often at most when the server has ended it for another one; nothing of it was kept then */
  async run(statement: Statement, signal?: AbortSignal, repeats = DEADLOCK_REPEATS): Promise<readonly Row[]> {
    const connection = await this.take(statement.doing, signal)
    return this.#runOn(connection, statement, signal, repeats)
  }

  /** Several statements on one connection, which is released whatever happens. */
  async within<T>(doing: string, work: (query: Query) => Promise<T>): Promise<T> {
    const connection = await this.take(doing)
    let broken: Error | undefined
    try {
      return await work(async (text, values) => {
        const answer = connection.query({ text, ...(values === undefined ? {} : { values: [...values] }) })
        const { rows } = await this.bounded(answer, doing)
        return rows as Row[]
      })
    } catch (error) {
      // A transaction may still be open on it.
      broken = error instanceof Error ? error : new Error(String(error))
      throw toPandaError(error, doing)
    } finally {
      give(connection, broken)
    }
  }

  /** @throws PandaError store_away when none is free in time */
  async take(doing: string, signal?: AbortSignal): Promise<PostgresConnection> {
    const pool = await this.#pool()
    const taking = pool.connect()
    try {
      const connection = await this.bounded(taking, doing, signal)
      connection.on('error', ignore)
      return connection
    } catch (error) {
      // It may still come: then nobody wants it any more.
      taking.then((late) => late.release()).catch(() => undefined)
      throw toPandaError(error, doing)
    }
  }

  /** Calls under way are rejected with `closed`. A caller's own pool stays open. */
  async close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    const opened = this.#opened
    if (opened === undefined) return
    const pool = await opened.catch(() => undefined)
    // A server that does not answer does not confirm the end either.
    await Promise.race([pool?.end?.(), delay(CLOSE_MS, undefined, { ref: false })])
  }

  async #runOn(
    connection: PostgresConnection,
    statement: Statement,
    signal: AbortSignal | undefined,
    repeats: number,
  ): Promise<readonly Row[]> {
    const { text, values = [], name, doing } = statement
    const answer = connection.query({
      text,
      values: [...values],
      ...(name !== undefined && this.#prepares ? { name } : {}),
    })
    try {
      const { rows } = await this.bounded(answer, doing, signal)
      give(connection)
      return rows as Row[]
    } catch (error) {
      const code = codeOf(error)
      const isAnswer = /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('57') && !code.startsWith('08')
      // Without an answer nobody knows what it is still doing: it is replaced.
      give(connection, isAnswer ? undefined : true)
      if (name !== undefined && this.#prepares && (code === '26000' || code === '42P05')) {
        this.#prepares = false
        return this.run(statement, signal, repeats)
      }
      if (code === DEADLOCK && repeats > 0) return this.run(statement, signal, repeats - 1)
      throw toPandaError(error, doing)
    }
  }

  /** @throws PandaError store_away when the answer does not come in time, closed */
  async bounded<T>(answer: Promise<T>, doing: string, signal?: AbortSignal): Promise<T> {
    answer.catch(() => undefined)
    const { timeoutMs } = this.#options
    return new Promise<T>((resolve, reject) => {
      const closing = this.#closing.signal
      const finish = (act: () => void): void => {
        clearTimeout(timer)
        closing.removeEventListener('abort', onClose)
        signal?.removeEventListener('abort', onAbort)
        act()
      }
      const onClose = (): void => finish(() => reject(new PandaError('closed', `closed while about to ${doing}`)))
      const onAbort = (): void => finish(() => reject(signal?.reason))
      const timer = setTimeout(
        () => finish(() => reject(new PandaError('store_away', `PostgreSQL did not ${doing} within ${timeoutMs} ms`))),
        timeoutMs,
      )
      if (closing.aborted) return onClose()
      if (signal?.aborted === true) return onAbort()
      closing.addEventListener('abort', onClose, { once: true })
      signal?.addEventListener('abort', onAbort, { once: true })
      answer.then(
        (value) => finish(() => resolve(value)),
        (error: unknown) => finish(() => reject(error)),
      )
    })
  }

  async #pool(): Promise<PostgresPool & { end?: () => Promise<void> }> {
    if (this.closed) throw new PandaError('closed', 'the connection to PostgreSQL was closed by this process')
    this.#opened ??=
      this.#options.pool === undefined
        ? openPool(this.#options)
        : Promise.resolve({ connect: this.#options.pool.connect.bind(this.#options.pool) })
    return this.#opened
  }
}

/** A connection that breaks tells its query, and says so in an event besides, which would end the process. */
function ignore(): void {}

/** Back to the pool; one that is broken is thrown away. */
function give(connection: PostgresConnection, broken?: boolean | Error): void {
  connection.removeListener('error', ignore)
  // What is still to be heard of it is of no interest either.
  if (broken !== undefined) connection.on('error', ignore)
  connection.release(broken)
}

async function openPool(options: Settled): Promise<PostgresPool & { end: () => Promise<void> }> {
  const { Pool } = await loadPg()
  const pool = new Pool({
    connectionString: options.url,
    // One more for LISTEN.
    max: options.connections + 1,
    connectionTimeoutMillis: options.timeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    application_name: 'panda queue',
    allowExitOnIdle: true,
  })
  // From its first moment: the server may end a connection in the packet that opens it, and that is read before whoever
  // asked for it hears that it is there and can listen. The next statement on it fails.
  pool.on('connect', (connection) => connection.on('error', ignore))
  // An idle connection that breaks is taken out by the pool itself; the next call gets another one.
  pool.on('error', () => undefined)
  return pool
}

/** @throws PandaError client_missing */
async function loadPg(): Promise<typeof import('pg')> {
  try {
    const loaded = await import('pg')
    return loaded.default as unknown as typeof import('pg')
  } catch (error) {
    throw new PandaError('client_missing', 'the package pg is not installed', {
      hint: 'Run npm install pg.',
      cause: error,
    })
  }
}
