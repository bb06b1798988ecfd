import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import type { Database } from '../store/database.ts'
import { KEEP_HOURS } from './idempotency.ts'

const PRUNE_EVERY_MS = 3_600_000

/** Forgets answers after their day. */
export class IdempotencyPruner implements Component {
  readonly name = 'idempotency'
  readonly #db: Database
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(db: Database, clock: Clock, onError: (error: unknown) => void) {
    this.#db = db
    this.#clock = clock
    this.#onError = onError
  }

  start(): Promise<void> {
    this.#running = this.#loop()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** @returns how many were forgotten. */
  async prune(): Promise<number> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('idempotency_keys')
      .where('created_at', '<', sql<Date>`now() - ${KEEP_HOURS} * interval '1 hour'`)
      .executeTakeFirst()
    return Number(numDeletedRows)
  }

  async #loop(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.prune().catch(this.#onError)
      await this.#clock.sleep(PRUNE_EVERY_MS, this.#stopping.signal)
    }
  }
}
