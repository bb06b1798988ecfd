import { QueueAdmin } from '@pandastack/sdk/queue'
import { PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import { loadProjectSettings } from '../settings/load.ts'
import type { SecretBox } from '../settings/secret-box.ts'
import type { ProjectRef } from '../projects/project-directory.ts'
import type { Database } from '../store/database.ts'
import { sqlArray } from '../store/sql-array.ts'
import { asProblem } from './as-problem.ts'

/** The variables that name the store of a project's queues, the first one that is set wins: the SDK's own order. */
const VARIABLES = ['PANDA_QUEUE_URL', 'REDIS_URL', 'DATABASE_URL'] as const
/** A connection that nobody used for so long is closed. In ms. */
const IDLE_MS = 60_000
/** The API's caller waits at most so long for a store that is away. */
const PATIENCE = '5s'

interface Open {
  readonly url: string
  readonly admin: QueueAdmin
  users: number
  lastUsedAt: number
  /** Another one has taken its place: it is closed after its last user. */
  retired: boolean
}

/** The queues of a project, in the store that its env and secrets name. Connections are kept for a while. */
export class ProjectQueues implements Component {
  readonly name = 'project queues'
  readonly #db: Database
  readonly #box: SecretBox
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #open = new Map<string, Open>()
  readonly #stopping = new AbortController()
  /** Retired ones are among them, until they are closed. */
  readonly #all = new Set<Open>()
  readonly #closing = new Set<Promise<void>>()
  #sweeping: Promise<void> | undefined

  /** @param onError told what goes wrong while a connection is closed, which nobody waits for */
  constructor(db: Database, box: SecretBox, clock: Clock, onError: (error: unknown) => void) {
    this.#db = db
    this.#box = box
    this.#clock = clock
    this.#onError = onError
  }

  start(): Promise<void> {
    this.#sweeping ??= this.#sweep()
    return Promise.resolve()
  }

  /** Calls that are under way end with `queue_store_away`. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#sweeping
    for (const open of this.#all) this.#close(open)
    await Promise.all(this.#closing)
  }

  /**
   * Does something with the queues of a project.
   * @throws PandaError queue_store_missing, queue_store_away, queue_store_unusable, and what the call itself throws
   */
  async use<T>(projectId: string, call: (admin: QueueAdmin) => Promise<T>): Promise<T> {
    const open = this.#take(projectId, await this.#urlOf(projectId))
    try {
      return await call(open.admin)
    } catch (error) {
      throw asProblem(error)
    } finally {
      this.#giveBack(open)
    }
  }

  /** Projects that name a store, the oldest first. @returns more: there are others behind the limit */
  async projects(limit: number): Promise<{ projects: readonly ProjectRef[]; more: boolean }> {
    const { rows } = await sql<ProjectRef>`
      select p.id, p.name from projects p
      where exists (select 1 from env_variables e where e.project_id = p.id and e.name = any (${sqlArray(VARIABLES)}::text[]))
        or exists (select 1 from secrets s where s.project_id = p.id and s.cronjob_id is null and s.kind = 'env'
          and s.name = any (${sqlArray(VARIABLES)}::text[]))
      order by p.id limit ${limit + 1}`.execute(this.#db)
    return { projects: rows.slice(0, limit), more: rows.length > limit }
  }

  /** In one go: two calls that see a new URL at once must not open two connections, of which one would be forgotten. */
  #take(projectId: string, url: string): Open {
    if (this.#stopping.signal.aborted) throw new PandaError('queue_store_away', 'The server is stopping.')
    const known = this.#open.get(projectId)
    if (known?.url === url) {
      known.users += 1
      return known
    }
    const open = { url, admin: openAdmin(url), users: 1, lastUsedAt: this.#clock.now(), retired: false }
    this.#open.set(projectId, open)
    this.#all.add(open)
    if (known !== undefined) this.#retire(known)
    return open
  }

  #giveBack(open: Open): void {
    open.users -= 1
    open.lastUsedAt = this.#clock.now()
    if (open.retired && open.users === 0) this.#close(open)
  }

  #retire(open: Open): void {
    open.retired = true
    if (open.users === 0) this.#close(open)
  }

  #close(open: Open): void {
    if (!this.#all.delete(open)) return
    const closed = open.admin
      .close()
      .catch(this.#onError)
      .finally(() => this.#closing.delete(closed))
    this.#closing.add(closed)
  }

  async #urlOf(projectId: string): Promise<string> {
    const { env, secrets } = await loadProjectSettings(this.#db, this.#box, projectId, [])
    for (const name of VARIABLES) {
      const url = secrets[name] ?? env[name]
      if (url === undefined || url === '') continue
      // It would be the memory of this server, the same for all projects.
      if (/^memory:/i.test(url)) throw new PandaError('queue_store_unusable', `${name} names the memory of a process.`)
      return url
    }
    throw new PandaError('queue_store_missing', `None of ${VARIABLES.join(', ')} is set in this project.`)
  }

  async #sweep(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.#clock.sleep(IDLE_MS, signal)
      const before = this.#clock.now() - IDLE_MS
      for (const [projectId, open] of this.#open) {
        if (open.users > 0 || open.lastUsedAt > before) continue
        this.#open.delete(projectId)
        this.#close(open)
      }
    }
  }
}

/** @throws PandaError queue_store_unusable */
function openAdmin(url: string): QueueAdmin {
  try {
    // The server only looks after what others store: what they accepted to lose is theirs to say.
    return new QueueAdmin({ url, patience: PATIENCE, allowUnsafeStore: true })
  } catch (error) {
    throw asProblem(error)
  }
}
