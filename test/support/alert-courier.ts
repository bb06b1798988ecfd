import { Queue } from '@pandastack/sdk/queue'
import { AlertQueue, type DeliveryJob, SERVER_SCHEMA } from '../../packages/server/src/alerts/alert-queue.ts'
import { deliver, type DeliverDeps, type DeliveryOutcome } from '../../packages/server/src/alerts/deliver.ts'
import { systemClock } from '../../packages/server/src/clock.ts'
import { waitFor } from './wait-for.ts'

export type CourierDeps = Omit<DeliverDeps, 'clock' | 'onOutcome'>

/** The queue of the alerts in the database of a test: it sends only while a test says so. */
export class AlertCourier implements AsyncDisposable {
  readonly queue: AlertQueue
  readonly outcomes: string[] = []
  readonly #url: string
  /** The same queue, as somebody who looks after it sees it. */
  readonly #jobs: Queue<DeliveryJob>

  constructor(url: string) {
    this.#url = url
    this.queue = new AlertQueue(url)
    this.#jobs = new Queue<DeliveryJob>('alerts', { url, namespace: SERVER_SCHEMA, allowUnsafeStore: true })
  }

  /** Sends what is due, each message once. @returns how many tries that were */
  async send(deps: CourierDeps): Promise<number> {
    const before = this.outcomes.length
    const worker = await this.start(deps)
    await waitFor('all that is due to be tried', async () => {
      const { queued, running } = await this.#jobs.counts()
      return queued + running === 0
    })
    await worker.close()
    return this.outcomes.length - before
  }

  /** A worker on connections of its own, until it is closed. */
  async start(deps: CourierDeps): Promise<AlertQueue> {
    const worker = new AlertQueue(this.#url)
    const onOutcome = ({ kind, outcome }: DeliveryOutcome) => void this.outcomes.push(`${kind} ${outcome}`)
    const failures: Error[] = []
    await worker.prepare()
    await worker.work({
      deliver: (job) => deliver({ ...deps, clock: systemClock, onOutcome }, job),
      onError: (error) => void failures.push(error),
    })
    return worker
  }

  /** What waits for its next try is due now. */
  async makeDue(): Promise<void> {
    for (const state of ['retrying', 'scheduled'] as const) {
      for (const { id } of (await this.#jobs.list({ state })).jobs) await this.#jobs.promote(id)
    }
  }

  /** When the next try of the only message that waits for one is to be made. */
  async nextTryAt(): Promise<Date | null> {
    const { jobs } = await this.#jobs.list({ state: 'retrying' })
    if (jobs.length !== 1) throw new Error(`${jobs.length} messages wait for their next try`)
    return jobs[0]?.runAt ?? null
  }

  counts(): Promise<Awaited<ReturnType<Queue['counts']>>> {
    return this.#jobs.counts()
  }

  /** Forgets what an earlier test has left. */
  async clear(): Promise<void> {
    this.outcomes.length = 0
    await this.#jobs.drain()
    for (const { id } of await this.queue.dead()) await this.queue.forget(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.close()
    await this.#jobs.close()
  }
}
