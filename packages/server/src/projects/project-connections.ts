import type { Clock } from '../clock.ts'
import { backendsIn, GIVEN_VARIABLE } from '../databases/backend-variables.ts'
import { loadProjectSettings } from '../settings/load.ts'
import type { SecretBox } from '../settings/secret-box.ts'
import type { Database } from '../store/database.ts'

/** A connection that nobody used for so long is closed. In ms. */
const IDLE_MS = 60_000

export interface ConnectionKind<C> {
  /** What makes two connections the same, read from the project's variables. @throws when there is none */
  readonly keyOf: (variables: Readonly<Record<string, string>>) => string
  readonly open: (key: string) => C
  /** What a call is told that comes while the server stops. */
  readonly stopped: () => Error
}

export interface ProjectConnectionsDeps {
  readonly db: Database
  readonly box: SecretBox
  readonly clock: Clock
  /** Its own in the platform's PostgreSQL, as the server reaches it; null = it has none. Default: none has. */
  readonly givenDatabase?: (projectId: string) => Promise<string | null>
  /** Told what goes wrong while a connection is closed, which nobody waits for. */
  readonly onError: (error: unknown) => void
}

interface Open<C> {
  readonly key: string
  readonly connection: C
  users: number
  lastUsedAt: number
  /** Another one has taken its place: it is closed after its last user. */
  retired: boolean
}

/** One connection per project, as its env and secrets name it. Kept for a while, and opened anew when they change. */
export class ProjectConnections<C extends { close(): Promise<void> }> {
  readonly #kind: ConnectionKind<C>
  readonly #deps: ProjectConnectionsDeps
  readonly #open = new Map<string, Open<C>>()
  readonly #stopping = new AbortController()
  /** Retired ones are among them, until they are closed. */
  readonly #all = new Set<Open<C>>()
  readonly #closing = new Set<Promise<void>>()
  #sweeping: Promise<void> | undefined

  constructor(kind: ConnectionKind<C>, deps: ProjectConnectionsDeps) {
    this.#kind = kind
    this.#deps = deps
  }

  start(): Promise<void> {
    this.#sweeping ??= this.#sweep()
    return Promise.resolve()
  }

  /** Closes them also under calls that are under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#sweeping
    for (const open of this.#all) this.#close(open)
    await Promise.all(this.#closing)
  }

  async use<T>(projectId: string, call: (connection: C) => Promise<T>): Promise<T> {
    const open = this.#take(projectId, await this.#keyOf(projectId))
    try {
      return await call(open.connection)
    } finally {
      this.#giveBack(open)
    }
  }

  /** For as long as it is read. */
  async *each<T>(projectId: string, call: (connection: C) => AsyncIterable<T>): AsyncGenerator<T> {
    const open = this.#take(projectId, await this.#keyOf(projectId))
    try {
      yield* call(open.connection)
    } finally {
      this.#giveBack(open)
    }
  }

  async #keyOf(projectId: string): Promise<string> {
    const { db, box, givenDatabase } = this.#deps
    const { env, secrets } = await loadProjectSettings(db, box, projectId, [])
    const given = backendsIn(env, secrets).length === 0 ? await givenDatabase?.(projectId) : null
    return this.#kind.keyOf({ ...(given ? { [GIVEN_VARIABLE]: given } : {}), ...env, ...secrets })
  }

  /** In one go: two calls that see a change at once must not open two connections, of which one would be forgotten. */
  #take(projectId: string, key: string): Open<C> {
    if (this.#stopping.signal.aborted) throw this.#kind.stopped()
    const known = this.#open.get(projectId)
    if (known?.key === key) {
      known.users += 1
      return known
    }
    const lastUsedAt = this.#deps.clock.now()
    const open = { key, connection: this.#kind.open(key), users: 1, lastUsedAt, retired: false }
    this.#open.set(projectId, open)
    this.#all.add(open)
    if (known !== undefined) this.#retire(known)
    return open
  }

  #giveBack(open: Open<C>): void {
    open.users -= 1
    open.lastUsedAt = this.#deps.clock.now()
    if (open.retired && open.users === 0) this.#close(open)
  }

  #retire(open: Open<C>): void {
    open.retired = true
    if (open.users === 0) this.#close(open)
  }

  #close(open: Open<C>): void {
    if (!this.#all.delete(open)) return
    const closed = open.connection
      .close()
      .catch(this.#deps.onError)
      .finally(() => this.#closing.delete(closed))
    this.#closing.add(closed)
  }

  async #sweep(): Promise<void> {
    const { clock } = this.#deps
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await clock.sleep(IDLE_MS, signal)
      const before = clock.now() - IDLE_MS
      for (const [projectId, open] of this.#open) {
        if (open.users > 0 || open.lastUsedAt > before) continue
        this.#open.delete(projectId)
        this.#close(open)
      }
    }
  }
}
