import type { Project } from '@pandastack/contract'
import type { Clock } from '../clock.ts'
import type { Database } from '../store/database.ts'

/** A deleted project is refused at once by the server that deleted it, after this long by all others. */
const CACHE_MS = 5000
const CACHE_LIMIT = 10_000

export type ProjectRef = Pick<Project, 'id' | 'name'>

/** Projects by name and by id, kept for a moment, so that an API call costs no query for its project. */
export class ProjectDirectory {
  readonly #db: Database
  readonly #clock: Clock
  readonly #known = new Map<string, { project: ProjectRef; readAtMs: number }>()

  constructor(db: Database, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  async byName(name: string): Promise<ProjectRef | undefined> {
    return this.#find('name', name)
  }

  async byId(id: string): Promise<ProjectRef | undefined> {
    return this.#find('id', id)
  }

  /** Called when a project was deleted here. */
  forget(): void {
    this.#known.clear()
  }

  async #find(column: 'id' | 'name', value: string): Promise<ProjectRef | undefined> {
    const readAtMs = this.#clock.now()
    const key = `${column} ${value}`
    const known = this.#known.get(key)
    if (known !== undefined && readAtMs - known.readAtMs < CACHE_MS) return known.project
    this.#known.delete(key)
    const query = this.#db.selectFrom('projects').select(['id', 'name']).where(column, '=', value)
    const project = await query.executeTakeFirst()
    if (project === undefined) return undefined
    if (this.#known.size >= CACHE_LIMIT) this.#known.clear()
    this.#known.set(key, { project, readAtMs })
    return project
  }
}
