import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import { loadProjectSettings } from '../settings/load.ts'
import type { SecretBox } from '../settings/secret-box.ts'
import type { Database } from '../store/database.ts'

/** A connection that nobody used for so long is closed. In ms. */
const IDLE_MS = 60_000

export interface ConnectionKind<C> {
  /** Of the component. */
  readonly name: string
  /** What makes two connections the same, read from the project's variables. @throws when there is none */
  readonly keyOf: (variables: Readonly<Record<string, string>>) => string
  readonly open: (key: string) => C
}

interface Open<C> {
  readonly key: string
  readonly connection: C
  users: number
  lastUsedAt: number
}

/** One connection per project, as its env and secrets name it. Kept for a while, and opened anew when they change. */
export class ProjectConnections<C extends { close(): Promise<void> }> implements Component {
  readonly name: string
  readonly #kind: ConnectionKind<C>
  readonly #db: Database
  readonly #box: SecretBox
  readonly #clock: Clock
  readonly #open = new Map<string, Open<C>>()
  readonly #stopping = new AbortController()
  #sweeping: Promise<void> | undefined

  constructor(kind: ConnectionKind<C>, db: Database, box: SecretBox, clock: Clock) {
    this.name = kind.name
    this.#kind = kind
    this.#db = db
    this.#box = box
    this.#clock = clock
  }

  start(): Promise<void> {
    this.#sweeping ??= this.#sweep()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#sweeping
    await Promise.all([...this.#open.keys()].map((projectId) => this.#close(projectId)))
  }

  async use<T>(projectId: string, call: (connection: C) => Promise<T>): Promise<T> {
    const open = await this.#find(projectId)
    open.users += 1
    try {
      return await call(open.connection)
    } finally {
      this.#release(open)
    }
  }

  /** For as long as it is read. */
  async *each<T>(projectId: string, call: (connection: C) => AsyncIterable<T>): AsyncGenerator<T> {
    const open = await this.#find(projectId)
    open.users += 1
    try {
      yield* call(open.connection)
    } finally {
      this.#release(open)
    }
  }

  #release(open: Open<C>): void {
    open.users -= 1
    open.lastUsedAt = this.#clock.now()
  }

  async #find(projectId: string): Promise<Open<C>> {
    const { env, secrets } = await loadProjectSettings(this.#db, this.#box, projectId, [])
    const key = this.#kind.keyOf({ ...env, ...secrets })
    const known = this.#open.get(projectId)
    if (known?.key === key) return known
    if (known !== undefined) await this.#close(projectId)
    const open: Open<C> = { key, connection: this.#kind.open(key), users: 0, lastUsedAt: this.#clock.now() }
    this.#open.set(projectId, open)
    return open
  }

  async #sweep(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.#clock.sleep(IDLE_MS, signal)
      const before = this.#clock.now() - IDLE_MS
      for (const [projectId, { users, lastUsedAt }] of this.#open)
        if (users === 0 && lastUsedAt <= before) await this.#close(projectId)
    }
  }

  async #close(projectId: string): Promise<void> {
    const open = this.#open.get(projectId)
    this.#open.delete(projectId)
    await open?.connection.close()
  }
}
