import type { PostgresPool, PostgresPoolClient } from 'kysely'
import { failure } from './faulty-pool.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Turnstile } from './turnstile.ts'
import { calm } from './virtual-time.ts'

export interface GatedPoolDeps {
  readonly pool: PostgresPool
  readonly turnstile: Turnstile
  readonly process: SimulatedProcess
  /** Called before a transaction or lone statement begins. */
  readonly beforeUse: () => Promise<void>
  /** Told of each channel that a commit has notified. */
  readonly onNotify: (channel: string) => void
  /** What is sent in place of a statement; for defects that are planted. */
  readonly rewrite: (text: string) => string
}

/** The statement that records the end of an attempt. */
const RECORDS = /insert into attempts/

/** A process's way to the database: by turns, and only as long as it lives. What it leaves undone is rolled back. */
export class GatedPool implements PostgresPool {
  readonly #deps: GatedPoolDeps

  constructor(deps: GatedPoolDeps) {
    this.#deps = deps
  }

  async connect(): Promise<PostgresPoolClient> {
    const session = new Session(this.#deps)
    await session.open()
    const query = (text: string, parameters: readonly unknown[]): Promise<unknown> => session.query(text, parameters)
    return { query: query as PostgresPoolClient['query'], release: () => session.leave() }
  }

  end(): Promise<void> {
    return Promise.resolve()
  }
}

/** One turn: a transaction or a lone statement. */
class Session {
  readonly #deps: GatedPoolDeps
  #client: PostgresPoolClient | null = null
  #inTransaction = false
  #records = false
  /** The database has ended its session: nothing of the transaction was done. */
  #lost = false
  readonly #channels = new Set<string>()

  constructor(deps: GatedPoolDeps) {
    this.#deps = deps
  }

  async open(): Promise<void> {
    const { pool, turnstile, process, beforeUse } = this.#deps
    await turnstile.enter(process)
    await beforeUse()
    this.#client = await pool.connect()
  }

  /** For the next one; what was left already stays so. */
  leave(): void {
    if (this.#client === null) return
    this.#client.release()
    this.#client = null
    this.#deps.turnstile.leave()
  }

  async query(text: string, parameters: readonly unknown[]): Promise<unknown> {
    const { process, rewrite } = this.#deps
    await this.#liveOn()
    if (this.#lost) throw failure('ECONNRESET', 'Connection terminated')
    // It stood still before it had sent anything.
    if (this.#client === null) await this.open()
    if (text === 'begin') this.#inTransaction = true
    const notified = /pg_notify\('(\w+)'/.exec(text)?.[1]
    if (notified !== undefined) this.#channels.add(notified)
    if (RECORDS.test(text)) this.#records = true
    let result: unknown
    try {
      result = await this.#client?.query(rewrite(text), parameters)
      if (text === 'commit' || !this.#inTransaction) this.#tellAll()
    } finally {
      if (text === 'commit' || text === 'rollback') this.#inTransaction = false
      // Answers arrive when nothing else goes on, however fast the database is.
      await calm()
      if (RECORDS.test(text)) process.reach('recording')
      if (text === 'commit' && this.#records) process.reach('recorded')
      await this.#liveOn()
    }
    if (this.#lost) throw failure('ECONNRESET', 'Connection terminated')
    return result
  }

  #tellAll(): void {
    for (const channel of this.#channels) this.#deps.onNotify(channel)
  }

  /** The database ends the session of who has died, and a transaction of who stands still: it would hold its locks. */
  async #liveOn(): Promise<void> {
    const { process } = this.#deps
    process.step()
    if (process.running) return
    if (this.#inTransaction) {
      this.#lost = true
      await this.#client?.query('rollback', []).catch(ignoreBroken)
    }
    this.leave()
    await process.mayGoOn()
  }
}

/** A connection that a fault has broken was rolled back by it. */
function ignoreBroken(error: unknown): void {
  if (!(error instanceof Error) || !error.message.includes('Connection terminated')) throw error
}
