import { durationMs } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { onShutdown } from '../lifecycle/shutdown.ts'
import { assertKnown, namesOf } from '../options.ts'
import { Adder, planAdding } from './adder.ts'
import type { AddingOptions, AddingPlan, BulkItem } from './adder.ts'
import type { Run } from './runs.ts'
import type { QueueSettings, QueueStats } from './driver.ts'
import type { FlowIds, FlowNode } from './flow.ts'
import { planProcess } from './handler.ts'
import type { BatchHandler, BatchOptions, Handler, ProcessOptions } from './handler.ts'
import { judgeHealth } from './health.ts'
import type { QueueHealth } from './health.ts'
import type { FinishedOptions, Job, JobEdit, JobInfo } from './job.ts'
import { JobDesk } from './job-desk.ts'
import type { ListOptions, RedriveOptions } from './job-desk.ts'
import type { JobOptions } from './job-options.ts'
import { Counters } from './metrics.ts'
import type { QueueMetrics } from './metrics.ts'
import { settingsOfLimits } from './queue-limits.ts'
import type { QueueLimits } from './queue-limits.ts'
import { checkQueueName } from './queue-name.ts'
import { runBatches, runEach } from './run-handler.ts'
import { readSchedules } from './schedule-options.ts'
import type { RepeatOptions, ScheduleInfo } from './schedule-options.ts'
import { validate } from './standard-schema.ts'
import type { JobState } from './states.ts'
import type { Store } from './store.ts'
import { releaseStore, STORE_CHOICE, useStore } from './stores.ts'
import type { StoreChoice } from './stores.ts'
import { loadTracing } from './tracing.ts'
import type { Tracing } from './tracing.ts'
import { Worker } from './worker.ts'
import type { CloseOptions } from './worker.ts'

export interface QueueOptions<T = unknown> extends StoreChoice, AddingOptions<T> {}

const KNOWN = namesOf<QueueOptions>({
  ...STORE_CHOICE,
  schema: true,
  defaults: true,
  payloadLimit: true,
  outboxSchema: true,
})
const CLOSE = namesOf<CloseOptions>({ grace: true })

/** A store that does not answer a health probe for so long is away. */
const HEALTH_MS = 2_000

/** Data of a queue without a declared type. */
export type AnyData = Record<string, unknown>

/**
 * Jobs that one process adds and others work on: `await queue.add(data)` here, `queue.process(handler)` there. Nothing that
 * was added is lost; a job may run more than once (after a crash), but only one result of it is accepted.
 */
export class Queue<T = AnyData, R = unknown> {
  readonly name: string
  readonly #options: QueueOptions<T>
  readonly #store: Store
  readonly #desk: JobDesk<T, R>
  readonly #counters = new Counters()
  readonly #plan: AddingPlan<T>
  readonly #adder: Adder<T, R>
  #worker: Worker | null = null
  /** Takes back the registration for signals. */
  #forget: (() => void) | null = null
  #closed: Promise<void> | null = null

  /** Connects at first use. @throws PandaError no_store, invalid_url, invalid_option */
  constructor(name: string, options: QueueOptions<T> = {}) {
    this.name = checkQueueName(name)
    assertKnown(options, KNOWN, 'new Queue')
    this.#plan = planAdding(options)
    this.#options = options
    this.#store = useStore(options)
    this.#desk = new JobDesk<T, R>(name, this.#store, (data) => this.#adder.encode(data))
    this.#adder = new Adder<T, R>(name, this.#store, this.#plan, this.#counters, this.#desk)
  }

  /**
   * Resolves once the store has the job.
   * @throws PandaError invalid_payload, not_json, payload_too_large, invalid_option, store_away (after `patience`), closed
   */
  add(data: T, options?: JobOptions): Promise<Job<T, R>> {
    return this.#adder.add(data, options)
  }

  /** Many at once, in this order; each thousand is stored as a whole. @throws as `add` */
  addBulk(jobs: readonly BulkItem<T>[]): Promise<Job<T, R>[]> {
    return this.#adder.addBulk(jobs)
  }

  /**
   * Works on the jobs of this queue, `concurrency` (default 1) at a time, until `close`.
   * @returns the worker; it need not be kept
   * @throws PandaError invalid_option, wrong_state (this object is processing already)
   */
  process(handler: Handler<T, R>, options: ProcessOptions = {}): Worker {
    assertHandler(handler)
    return this.#work(options, null, (tracing) => runEach(handler, tracing))
  }

  /** As `process`, several jobs in one call of the handler. */
  processBatch(handler: BatchHandler<T, R>, options: ProcessOptions & { readonly batch: BatchOptions }): Worker {
    assertHandler(handler)
    return this.#work(options, options.batch, (tracing) => runBatches(handler, tracing))
  }

  /**
   * A job and all that it waits for. Its handler reads what they came to by `job.children()`. Schema and defaults of this
   * queue hold for its own jobs among them, not for those of other queues.
   * @throws as `add`
   */
  addFlow(flow: FlowNode): Promise<FlowIds> {
    return this.#adder.addFlow(flow)
  }

  /**
   * Repeats: one job per time of the cron expression, however many workers there are. A key that exists is replaced.
   * @throws ScheduleError, and as `add`
   */
  schedule(key: string, expression: string, options: RepeatOptions<T>): Promise<void> {
    return this.#adder.schedule(key, expression, options)
  }

  /** @returns false when there was none */
  unschedule(key: string): Promise<boolean> {
    return this.#store.call(`unschedule "${key}"`, (driver) => driver.removeSchedule(this.name, key))
  }

  schedules(): Promise<ScheduleInfo[]> {
    return this.#store.call(`read schedules of "${this.name}"`, (driver) => readSchedules(driver, this.name))
  }

  /** Null when it is not (or no longer) there. */
  getJob(id: string): Promise<JobInfo<T, R> | null> {
    return this.#desk.find(id)
  }
  list(options: ListOptions): Promise<{ jobs: JobInfo<T, R>[]; cursor: string | null }> {
    return this.#desk.list(options)
  }
  /** As `finished` of {@link Job}, for who has only the id. */
  finished(id: string, options?: FinishedOptions): Promise<R> {
    return this.#desk.finished(id, options)
  }
  cancel(id: string, reason?: string): Promise<void> {
    return this.#desk.cancel(id, reason)
  }
  retry(id: string, data?: T): Promise<void> {
    return this.#desk.retry(id, data)
  }
  promote(id: string): Promise<void> {
    return this.#desk.promote(id)
  }
  edit(id: string, edit: JobEdit<T>): Promise<void> {
    return this.#desk.edit(id, edit)
  }
  remove(id: string): Promise<void> {
    return this.#desk.remove(id)
  }
  logs(id: string): Promise<readonly string[]> {
    return this.#desk.logs(id)
  }
  /** Queues dead jobs anew: all, some by id, or those of one reason. @returns how many */
  redrive(options?: RedriveOptions): Promise<number> {
    return this.#desk.redrive(options)
  }
  /** Cancels all that waits; what runs goes on. @returns how many */
  drain(reason?: string): Promise<number> {
    return this.#desk.drain(reason)
  }

  stats(): Promise<QueueStats> {
    return this.#store.call(`read figures of "${this.name}"`, (driver, signal) => driver.stats(this.name, signal))
  }
  async counts(): Promise<Readonly<Record<JobState, number>>> {
    return (await this.stats()).counts
  }
  /** No worker starts a job of this queue until `resume`; what runs goes on. */
  async pause(): Promise<void> {
    await this.#configure({ paused: true })
  }
  async resume(): Promise<void> {
    await this.#configure({ paused: false })
  }
  /** Sets limits for all workers together. @throws PandaError invalid_option */
  async configure(limits: QueueLimits): Promise<void> {
    await this.#configure(settingsOfLimits(limits))
  }

  /** Whether work is really being fetched. Never throws. */
  async health(): Promise<QueueHealth> {
    const read = this.#store.call(
      `read figures of "${this.name}"`,
      (driver, signal) => driver.stats(this.name, signal),
      {
        patienceMs: HEALTH_MS,
      },
    )
    const stats = await read.catch(() => null)
    return judgeHealth(this.#worker, stats, this.#store.leaseMs, this.#store.clock)
  }
  metrics(): QueueMetrics {
    const consumer = this.#worker?.consumer
    return this.#counters.read(consumer?.runningJobs ?? 0, consumer?.bufferedJobs ?? 0)
  }

  /**
   * Takes no new work, lets running handlers finish within the grace (default 30 s), hands the rest back at once, waits for
   * what was being added, closes the connections that no other queue uses. Until the handlers are done they can still add.
   * Who waits for the end of a job by this object is told `closed`.
   * @throws PandaError invalid_option
   */
  async close(options: CloseOptions = {}): Promise<void> {
    assertKnown(options, CLOSE, 'close')
    if (options.grace !== undefined) durationMs(options.grace, 'grace')
    this.#closed ??= this.#close(options)
    return this.#closed
  }

  async #close(options: CloseOptions): Promise<void> {
    this.#forget?.()
    if (this.#worker !== null) await this.#worker.close(options)
    await this.#adder.shut()
    this.#desk.close()
    await releaseStore(this.#store, this.#options)
  }

  #work(options: ProcessOptions, batch: BatchOptions | null, run: (tracing: Tracing | null) => Run): Worker {
    this.#assertOpen()
    if (this.#worker !== null)
      throw new PandaError('wrong_state', `queue "${this.name}" is being processed by this object already`)
    const { schema } = this.#plan
    const plan = planProcess(options, batch)
    const worker = new Worker({
      queue: this.name,
      store: this.#store,
      plan,
      counters: this.#counters,
      rules: {
        wall: () => this.#store.clock.wall(),
        random: () => Math.random(),
        backoff: plan.backoff,
        valueLimit: this.#plan.limit,
      },
      check: schema === undefined ? null : (data) => validate(schema, data, `the data of a job of "${this.name}"`),
      makeRun: async () => run(await loadTracing()),
    })
    this.#worker = worker
    if (options.handleSignals !== false) this.#forget = onShutdown(() => this.close())
    return worker
  }

  #configure(settings: Partial<QueueSettings>): Promise<unknown> {
    return this.#store.call(`configure queue "${this.name}"`, (driver, signal) =>
      driver.configure(this.name, settings, signal),
    )
  }

  #assertOpen(): void {
    if (this.#closed !== null) throw new PandaError('closed', `queue "${this.name}" was closed`)
  }
}

/** Bull's `process(10, handler)` would otherwise be found out job by job. */
function assertHandler(handler: unknown): void {
  if (typeof handler === 'function') return
  throw new PandaError('invalid_option', 'the first argument of process is the handler', {
    hint: 'queue.process(async (job) => { … }, { concurrency: 10 })',
  })
}
