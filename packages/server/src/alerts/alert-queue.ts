import { type JobInfo, PandaError, Queue, type QueueFigures, type RunningJob, type Worker } from '@pandastack/sdk/queue'
import type { Transaction } from 'kysely'
import type { Schema } from '../store/schema.ts'
import { MAX_TRIES } from './retry-delay.ts'

/** What travels; what the message says and what became of it is on record in `alert_deliveries`. */
export interface DeliveryJob {
  readonly delivery: string
}

/** Not the schema of users' queues (`panda_queue`): theirs may be in the same database. */
export const SERVER_SCHEMA = 'panda_server'
const NAME = 'alerts'
/** Messages on their way at once, by this server. */
const CONCURRENCY = 20
/** Of one alert at once, by all servers: a receiver that hangs must not hold up those of others. */
const AT_ONCE_PER_ALERT = 2
/** What is on its way when the server stops may go on for so long; the rest is handed back, and that try is not counted. */
const STOP_GRACE = '2s'

/** A try has failed, the next one is to be made after so many milliseconds. */
export class TryLater extends Error {
  override readonly name = 'TryLater'
  readonly delayMs: number

  constructor(message: string, delayMs: number, cause: unknown) {
    super(message, { cause })
    this.delayMs = delayMs
  }
}

export interface AlertQueueHost {
  /** Sends one message. What it throws is a failed try: {@link TryLater}, or FinalError when there is none after it. */
  readonly deliver: (job: RunningJob<DeliveryJob>) => Promise<void>
  readonly onError: (error: Error) => void
}

/** The messages of the alerts on their way: a queue of our own SDK in the server's own database. */
export class AlertQueue {
  readonly #queue: Queue<DeliveryJob>
  #worker: Worker | undefined

  /** Connects at first use. @param url of the server's database */
  constructor(url: string) {
    this.#queue = new Queue<DeliveryJob>(NAME, {
      url,
      namespace: SERVER_SCHEMA,
      // The same database holds everything else of the server: what it may lose was accepted before.
      allowUnsafeStore: true,
      defaults: { attempts: MAX_TRIES },
    })
  }

  /**
   * In the transaction that stores the message: both are there, or neither.
   *
   * @param delayMs before the first try, default 0
   * @returns the id of the job
   */
  async add(tx: Transaction<Schema>, message: { id: string; alertId: string }, delayMs = 0): Promise<string> {
    const job = await this.#queue.add({ delivery: message.id }, { tx, group: message.alertId, delay: delayMs })
    return job.id
  }

  /**
   * Makes the tables, or brings them up to date. To be called before anything else.
   * @throws PandaError of the SDK, e.g. unauthorized when the schema may not be made
   */
  async prepare(): Promise<void> {
    await this.#queue.configure({ groupConcurrency: AT_ONCE_PER_ALERT })
  }

  /** Begins to send. Resolves when this server takes messages. */
  async work({ deliver, onError }: AlertQueueHost): Promise<void> {
    this.#worker = this.#queue.process(deliver, {
      concurrency: CONCURRENCY,
      backoff: (_failures, error) => (error instanceof TryLater ? error.delayMs : null),
      keep: { succeeded: { count: 0 }, cancelled: { count: 0 } },
      handleSignals: false,
      onError,
    })
    await this.#worker.started
  }

  async figures(): Promise<QueueFigures> {
    return { name: NAME, stats: await this.#queue.stats() }
  }

  /** Those that will not be tried again, the oldest first; a page of them. */
  async dead(): Promise<readonly JobInfo<DeliveryJob>[]> {
    return (await this.#queue.list({ state: 'dead', limit: 100 })).jobs
  }

  /** Forgets a job; one that another server has forgotten already is all right. */
  async forget(id: string): Promise<void> {
    try {
      await this.#queue.remove(id)
    } catch (error) {
      if (!(error instanceof PandaError && error.code === 'job_not_found')) throw error
    }
  }

  close(): Promise<void> {
    return this.#queue.close({ grace: STOP_GRACE })
  }
}
