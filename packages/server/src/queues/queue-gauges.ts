import { Counter, Gauge, type Registry } from 'prom-client'
import type { QueueReading } from './queue-reader.ts'

const LABELS = ['project', 'queue'] as const
const TOTALS = {
  added: 'Jobs added since the queue exists.',
  succeeded: 'Jobs that succeeded since the queue exists.',
  failed: 'Attempts that failed since the queue exists.',
  dead: 'Jobs that became dead letters since the queue exists.',
  crashed: 'Attempts whose worker died since the queue exists.',
}

/** What the stores of the queues tell. All of it is the store's, so several servers show the same: take the maximum. */
export class QueueGauges {
  readonly #up: Gauge<'project'>
  readonly #leftOut: Gauge
  readonly #jobs: Gauge<'project' | 'queue' | 'state'>
  readonly #oldest: Gauge<'project' | 'queue'>
  readonly #workers: Gauge<'project' | 'queue'>
  readonly #paused: Gauge<'project' | 'queue'>
  readonly #totals: ReadonlyMap<keyof typeof TOTALS, Counter<'project' | 'queue'>>

  constructor(registry: Registry) {
    const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[]): Gauge<T> =>
      new Gauge({ name: `panda_queue_${name}`, help, labelNames: [...labelNames], registers: [registry] })
    this.#up = gauge('store_up', '1 = the store of the queues of the project answers.', ['project'])
    this.#leftOut = gauge('left_out', 'Queues that are not shown, since there are too many.', [])
    this.#jobs = gauge('jobs', 'Jobs that are kept, by state.', [...LABELS, 'state'])
    this.#oldest = gauge('oldest_seconds', 'How long the first queued job has waited; 0 = none waits.', LABELS)
    this.#workers = gauge('workers', 'Workers that hold a lease.', LABELS)
    this.#paused = gauge('paused', '1 = no worker starts a job.', LABELS)
    const totals = Object.entries(TOTALS).map(([event, help]) => {
      const name = `panda_queue_${event}_total`
      return [
        event as keyof typeof TOTALS,
        new Counter({ name, help, labelNames: [...LABELS], registers: [registry] }),
      ] as const
    })
    this.#totals = new Map(totals)
  }

  /** What is not in the reading is not shown: a queue that cannot be asked is not an empty one. */
  set({ stores, leftOut }: QueueReading): void {
    for (const metric of [this.#up, this.#jobs, this.#oldest, this.#workers, this.#paused, ...this.#totals.values()]) {
      metric.reset()
    }
    this.#leftOut.set(leftOut)
    for (const { project, up, queues } of stores) {
      this.#up.set({ project }, up ? 1 : 0)
      for (const { name: queue, stats } of queues) {
        const of = { project, queue }
        for (const [state, count] of Object.entries(stats.counts)) this.#jobs.set({ ...of, state }, count)
        this.#oldest.set(of, (stats.oldestQueuedMs ?? 0) / 1000)
        this.#workers.set(of, stats.workers.length)
        this.#paused.set(of, stats.settings.paused ? 1 : 0)
        for (const [event, counter] of this.#totals) counter.inc(of, stats.totals[event])
      }
    }
  }
}
