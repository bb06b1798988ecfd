import { QueueAdmin } from '@pandastack/sdk/queue'
import { PandaError } from '@pandastack/contract'
import type { Clock } from '../clock.ts'
import type { Component } from '../component.ts'
import { loadProjectSettings } from '../settings/load.ts'
import type { SecretBox } from '../settings/secret-box.ts'
import type { Database } from '../store/database.ts'
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
}

/** The queues of a project, in the store that its env and secrets name. Connections are kept for a while. */
export class ProjectQueues implements Component {
  readonly name = 'project queues'
  readonly #db: Database
  readonly #box: SecretBox
  readonly #clock: Clock
  readonly #open = new Map<string, Open>()
  readonly #stopping = new AbortController()
  #sweeping: Promise<void> | undefined

  constructor(db: Database, box: SecretBox, clock: Clock) {
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

  /**
   * Does something with the queues of a project.
   * @throws PandaError queue_store_missing, queue_store_away, queue_store_unusable, and what the call itself throws
   */
  async use<T>(projectId: string, call: (admin: QueueAdmin) => Promise<T>): Promise<T> {
    const open = await this.#find(projectId)
    open.users += 1
    try {
      return await call(open.admin)
    } catch (error) {
      throw asProblem(error)
    } finally {
      open.users -= 1
      open.lastUsedAt = this.#clock.now()
    }
  }

  async #find(projectId: string): Promise<Open> {
    const url = await this.#urlOf(projectId)
    const known = this.#open.get(projectId)
    if (known?.url === url) return known
    if (known !== undefined) await this.#close(projectId)
    let admin: QueueAdmin
    try {
      // The server only looks after what others store: what they accepted to lose is theirs to say.
      admin = new QueueAdmin({ url, patience: PATIENCE, allowUnsafeStore: true })
    } catch (error) {
      throw asProblem(error)
    }
    const open: Open = { url, admin, users: 0, lastUsedAt: this.#clock.now() }
    this.#open.set(projectId, open)
    return open
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
      for (const [projectId, { users, lastUsedAt }] of this.#open)
        if (users === 0 && lastUsedAt <= before) await this.#close(projectId)
    }
  }

  async #close(projectId: string): Promise<void> {
    const open = this.#open.get(projectId)
    this.#open.delete(projectId)
    await open?.admin.close()
  }
}
