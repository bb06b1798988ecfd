import { QueueAdmin } from '@pandastack/sdk/queue'
import { PandaError } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Component } from '../component.ts'
import { ProjectConnections, type ProjectConnectionsDeps } from '../projects/project-connections.ts'
import type { ProjectRef } from '../projects/project-directory.ts'
import { schemesOf, storeAddress } from '../settings/store-address.ts'
import type { Database } from '../store/database.ts'
import { sqlArray } from '../store/sql-array.ts'
import { asProblem } from './as-problem.ts'

/** The variables that name the store of a project's queues, the first one that is set wins: the SDK's own order. */
const VARIABLES = ['PANDA_QUEUE_URL', 'REDIS_URL', 'DATABASE_URL'] as const
/** The API's caller waits at most so long for a store that is away. */
const PATIENCE = '5s'

/** The queues of a project, in the store that its env and secrets name. */
export class ProjectQueues implements Component {
  readonly name = 'project queues'
  readonly #db: Database
  readonly #connections: ProjectConnections<QueueAdmin>

  constructor(deps: ProjectConnectionsDeps) {
    this.#db = deps.db
    this.#connections = new ProjectConnections({ keyOf: urlOf, open, stopped }, deps)
  }

  start(): Promise<void> {
    return this.#connections.start()
  }

  /** Calls that are under way end with `queue_store_away`. */
  stop(): Promise<void> {
    return this.#connections.stop()
  }

  /**
   * Does something with the queues of a project.
   * @throws PandaError queue_store_missing, queue_store_away, queue_store_unusable, and what the call itself throws
   */
  async use<T>(projectId: string, call: (admin: QueueAdmin) => Promise<T>): Promise<T> {
    try {
      return await this.#connections.use(projectId, call)
    } catch (error) {
      throw asProblem(error)
    }
  }

  /** Projects that name a store, the oldest first. @returns more: there are others behind the limit */
  async projects(limit: number): Promise<{ projects: readonly ProjectRef[]; more: boolean }> {
    const { rows } = await sql<ProjectRef>`
      select p.id, p.name from projects p
      where exists (select 1 from env_variables e where e.project_id = p.id and e.name = any (${sqlArray(VARIABLES)}::text[]))
        or exists (select 1 from secrets s where s.project_id = p.id and s.cronjob_id is null and s.kind = 'env'
          and s.name = any (${sqlArray(VARIABLES)}::text[]))
        or exists (select 1 from project_databases d where d.project_id = p.id and d.ready_at is not null)
      order by p.id limit ${limit + 1}`.execute(this.#db)
    return { projects: rows.slice(0, limit), more: rows.length > limit }
  }
}

function urlOf(variables: Readonly<Record<string, string>>): string {
  for (const name of VARIABLES) {
    const url = variables[name]
    if (url === undefined || url === '') continue
    // It would be the memory of this server, the same for all projects.
    if (/^memory:/i.test(url)) throw new PandaError('queue_store_unusable', `${name} names the memory of a process.`)
    const address = storeAddress('PANDA_QUEUE_URL', url)
    if (address !== null) return address.url
    throw new PandaError('queue_store_unusable', `${name} is no address of a store: ${schemesOf('PANDA_QUEUE_URL')}`)
  }
  throw new PandaError('queue_store_missing', `None of ${VARIABLES.join(', ')} is set in this project.`)
}

function open(url: string): QueueAdmin {
  // The server only looks after what others store: what they accepted to lose is theirs to say.
  return new QueueAdmin({ url, patience: PATIENCE, allowUnsafeStore: true })
}

function stopped(): PandaError {
  return new PandaError('queue_store_away', 'The server is stopping.')
}
