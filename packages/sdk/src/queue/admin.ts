import { PandaError } from '../errors.ts'
import { viewJob, viewQueue, type JobView, type QueueView } from './admin-views.ts'
import type { QueueStats } from './driver.ts'
import type { JobOptions } from './job-options.ts'
import type { RedriveOptions } from './job-desk.ts'
import { notFound } from './job.ts'
import { Queue } from './queue.ts'
import { isReservedQueue } from './reserved-names.ts'
import type { JobState } from './states.ts'
import type { Store } from './store.ts'
import { releaseStore, useStore, type StoreChoice } from './stores.ts'

export interface QueueFigures {
  readonly name: string
  readonly stats: QueueStats
}

/** At most so many lists of counts are asked for at once. */
const STATS_AT_ONCE = 8

/**
 * All queues of one store, for whoever looks after them: what `panda queue` and the server's API are made of. Answers are
 * plain JSON. Every call rejects with `PandaError` as the queue's own calls do, and with `queue_not_found`: whether there
 * is a queue of that name is asked only when the answer looks as if there were none, so that a call costs one of the store.
 */
export class QueueAdmin {
  readonly #choice: StoreChoice
  readonly #store: Store
  readonly #queues = new Map<string, Queue<unknown>>()

  /** Connects at first use. @throws PandaError no_store, invalid_url */
  constructor(choice: StoreChoice) {
    this.#choice = choice
    this.#store = useStore(choice)
  }

  /** Without those that subscriptions to events are made of. */
  async names(): Promise<readonly string[]> {
    const all = await this.#store.call('list queues', (driver, signal) => driver.queues(signal))
    return all.filter((name) => !isReservedQueue(name))
  }

  async list(): Promise<QueueView[]> {
    const { queues } = await this.figures()
    return queues.map(({ name, stats }) => viewQueue(name, stats))
  }

  /**
   * The plain figures of the first queues by name.
   * @param limit default: all
   * @returns leftOut: how many more there are
   */
  async figures(limit = Number.POSITIVE_INFINITY): Promise<{ queues: QueueFigures[]; leftOut: number }> {
    const names = await this.names()
    const wanted = names.slice(0, limit)
    const queues: QueueFigures[] = []
    for (let i = 0; i < wanted.length; i += STATS_AT_ONCE) {
      const some = wanted.slice(i, i + STATS_AT_ONCE)
      queues.push(...(await Promise.all(some.map(async (name) => ({ name, stats: await this.#queue(name).stats() })))))
    }
    return { queues, leftOut: names.length - wanted.length }
  }

  async get(name: string): Promise<QueueView> {
    return viewQueue(name, await this.#stats(name))
  }

  async pause(name: string, paused: boolean): Promise<QueueView> {
    // Before it is set: a setting would make the queue.
    const stats = await this.#stats(name)
    const settings = await this.#store.call(`configure queue "${name}"`, (driver, signal) =>
      driver.configure(name, { paused }, signal),
    )
    return viewQueue(name, { ...stats, settings })
  }

  async jobs(
    name: string,
    query: { state: JobState; group?: string; limit?: number; cursor?: string },
  ): Promise<{ items: JobView[]; nextCursor: string | null }> {
    const { jobs, cursor } = await this.#queue(name).list(query)
    if (jobs.length === 0) await this.#assertExists(name)
    return { items: jobs.map((job) => viewJob(name, job)), nextCursor: cursor }
  }

  async job(name: string, id: string): Promise<JobView> {
    const job = await this.#queue(name).getJob(id)
    if (job !== null) return viewJob(name, job)
    await this.#assertExists(name)
    throw notFound(name, id)
  }

  async logs(name: string, id: string): Promise<readonly string[]> {
    const lines = await this.#queue(name).logs(id)
    if (lines.length === 0) await this.job(name, id)
    return lines
  }

  /** Makes the queue when there is none of that name. */
  async add(
    name: string,
    data: unknown,
    options: JobOptions,
  ): Promise<{ id: string; queue: string; deduplicated: boolean }> {
    const { id, deduplicated } = await this.#queue(name).add(data, options)
    return { id, queue: name, deduplicated }
  }

  async retry(name: string, id: string, data?: unknown): Promise<JobView> {
    await this.#changed(name, this.#queue(name).retry(id, data))
    return this.job(name, id)
  }

  /** A running job is still `running` in the answer: its worker has been told. */
  async cancel(name: string, id: string, reason?: string): Promise<JobView> {
    await this.#changed(name, this.#queue(name).cancel(id, reason))
    return this.job(name, id)
  }

  async drain(name: string): Promise<{ jobs: number }> {
    return this.#counted(name, await this.#queue(name).drain())
  }

  async redrive(name: string, options: RedriveOptions): Promise<{ jobs: number }> {
    return this.#counted(name, await this.#queue(name).redrive(options))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
    await releaseStore(this.#store, this.#choice)
  }

  /** @throws PandaError queue_not_found */
  async #stats(name: string): Promise<QueueStats> {
    const stats = await this.#queue(name).stats()
    if (stats.totals.added === 0 && stats.workers.length === 0) await this.#assertExists(name)
    return stats
  }

  /** @throws PandaError queue_not_found instead of job_not_found when it is the queue that is not there */
  async #changed(name: string, change: Promise<void>): Promise<void> {
    try {
      await change
    } catch (error) {
      if (error instanceof PandaError && error.code === 'job_not_found') await this.#assertExists(name)
      throw error
    }
  }

  async #counted(name: string, jobs: number): Promise<{ jobs: number }> {
    if (jobs === 0) await this.#assertExists(name)
    return { jobs }
  }

  /** @throws PandaError queue_not_found */
  async #assertExists(name: string): Promise<void> {
    if (!(await this.names()).includes(name)) throw new PandaError('queue_not_found', `There is no queue "${name}"`)
  }

  #queue(name: string): Queue<unknown> {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const queue = new Queue<unknown>(name, this.#choice)
    this.#queues.set(name, queue)
    return queue
  }
}
