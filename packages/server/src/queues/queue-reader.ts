import type { QueueFigures } from '@pandastack/sdk/queue'
import type { Clock } from '../clock.ts'
import type { ProjectQueues } from './project-queues.ts'

/** The server's own queue stands under this name; no project can be called so. */
export const OWN_PROJECT = '(server)'
/** Read at most so often, however many scrape. */
const FRESH_MS = 10_000
/** What could not be read anew is shown for so long. */
const STALE_MS = 60_000
/** More are counted, not shown: every queue is 15 time series. */
export const MAX_PROJECTS = 100
export const MAX_QUEUES_PER_PROJECT = 100
export const MAX_QUEUES = 500
const PROJECTS_AT_ONCE = 4
/** No store is asked any more after so long: those that were away wait for the next reading, so that it is not late. */
const READING_MS = 10_000

interface StoreReading {
  readonly project: string
  /** False: the store of the project could not be asked. */
  readonly up: boolean
  readonly queues: readonly QueueFigures[]
  readonly leftOut: number
  readonly readAtMs: number
}

export interface QueueReading {
  readonly stores: readonly StoreReading[]
  /** Queues that are not shown since there are too many; those of projects behind the limit are not known. */
  readonly leftOut: number
}

export interface QueueReaderDeps {
  readonly queues: Pick<ProjectQueues, 'projects' | 'use'>
  readonly own: { figures(): Promise<QueueFigures> }
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Figures of all queues for `/metrics`. A store that is away costs a scrape a bounded wait, and others nothing. */
export class QueueReader {
  readonly #deps: QueueReaderDeps
  readonly #stores = new Map<string, StoreReading>()
  #reading: Promise<void> | undefined
  #readAtMs = Number.NEGATIVE_INFINITY

  constructor(deps: QueueReaderDeps) {
    this.#deps = deps
  }

  /** What is known by then. Never rejects. @param waitMs for what is being read */
  async read(waitMs: number): Promise<QueueReading> {
    const { clock } = this.#deps
    if (clock.now() - this.#readAtMs >= FRESH_MS) await this.#waitFor(waitMs)
    const known = [...this.#stores.values()]
      .filter(({ readAtMs }) => clock.now() - readAtMs < STALE_MS)
      // Always the same ones are shown, when there are too many.
      .toSorted((a, b) => (a.project < b.project ? -1 : 1))
    let room = MAX_QUEUES
    let leftOut = 0
    const stores = known.map((store) => {
      const queues = store.queues.slice(0, room)
      room -= queues.length
      leftOut += store.leftOut + store.queues.length - queues.length
      return { ...store, queues }
    })
    return { stores, leftOut }
  }

  async #waitFor(waitMs: number): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined))
    const enough = new AbortController()
    await Promise.race([this.#reading, this.#deps.clock.sleep(waitMs, enough.signal)])
    enough.abort()
  }

  async #readAll(): Promise<void> {
    const { queues, own, clock, onError } = this.#deps
    try {
      const { projects } = await queues.projects(MAX_PROJECTS)
      const names = new Set([OWN_PROJECT, ...projects.map(({ name }) => name)])
      for (const name of this.#stores.keys()) if (!names.has(name)) this.#stores.delete(name)
      const waiting = projects.toSorted((a, b) => this.#rank(a.name) - this.#rank(b.name))
      const endMs = clock.now() + READING_MS
      const work = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined && clock.now() < endMs; next = waiting.shift()) {
          const { id, name } = next
          await this.#readOne(name, () => queues.use(id, (admin) => admin.figures(MAX_QUEUES_PER_PROJECT)))
        }
      }
      const ours = this.#readOne(OWN_PROJECT, async () => ({ queues: [await own.figures()], leftOut: 0 }))
      await Promise.all([ours, ...Array.from({ length: PROJECTS_AT_ONCE }, work)])
      this.#readAtMs = clock.now()
    } catch (error) {
      onError(error)
    }
  }

  /** Those that answered come first; of those that were away, the one that was asked the longest ago. */
  #rank(project: string): number {
    const known = this.#stores.get(project)
    return known === undefined || known.up ? 0 : known.readAtMs
  }

  async #readOne(
    project: string,
    read: () => Promise<{ queues: readonly QueueFigures[]; leftOut: number }>,
  ): Promise<void> {
    const { clock } = this.#deps
    // Whatever it is: the store does not tell, and that is shown.
    const answer = await read().catch(() => null)
    const { queues = [], leftOut = 0 } = answer ?? {}
    this.#stores.set(project, { project, up: answer !== null, queues, leftOut, readAtMs: clock.now() })
  }
}
