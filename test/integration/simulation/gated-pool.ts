import type { PostgresPool, PostgresPoolClient } from 'kysely'
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
}

/** A process's way to the database: by turns, and only as long as it lives. What it leaves undone is rolled back. */
export class GatedPool implements PostgresPool {
  readonly #deps: GatedPoolDeps

  constructor(deps: GatedPoolDeps) {
    this.#deps = deps
  }

  async connect(): Promise<PostgresPoolClient> {
    const { pool, turnstile, process, beforeUse } = this.#deps
    await turnstile.enter(process)
    await beforeUse()
    const client = await pool.connect()
    const release = (): void => {
      client.release()
      turnstile.leave()
    }
    return { query: this.#queryOn(client, release) as PostgresPoolClient['query'], release }
  }

  end(): Promise<void> {
    return Promise.resolve()
  }

  #queryOn(client: PostgresPoolClient, release: () => void) {
    const { process, onNotify } = this.#deps
    let inTransaction = false
    const channels = new Set<string>()
    const liveOn = async (): Promise<void> => {
      process.step()
      if (process.alive) return
      // The database ends the session of who has died.
      if (inTransaction) await client.query('rollback', []).catch(ignoreBroken)
      release()
      await process.mayGoOn()
    }
    return async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
      await liveOn()
      if (text === 'begin') inTransaction = true
      const notified = /pg_notify\('(\w+)'/.exec(text)?.[1]
      if (notified !== undefined) channels.add(notified)
      try {
        const result: unknown = await client.query(text, parameters)
        if (text === 'commit' || !inTransaction) for (const channel of channels) onNotify(channel)
        return result
      } finally {
        if (text === 'commit' || text === 'rollback') inTransaction = false
        // Answers arrive when nothing else goes on, however fast the database is.
        await calm()
        await liveOn()
      }
    }
  }
}

/** A connection that a fault has broken was rolled back by it. */
function ignoreBroken(error: unknown): void {
  if (!(error instanceof Error) || !error.message.includes('Connection terminated')) throw error
}
