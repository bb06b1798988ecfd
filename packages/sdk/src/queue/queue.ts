import { PandaError } from '../errors.ts'
import { writeOutbox } from '../outbox/write.ts'
import { onShutdown } from '../lifecycle/shutdown.ts'
import type { Added, NewJob, QueueSettings, QueueStats } from './driver.ts'
import { planFlow } from './flow.ts'
import type { FlowIds, FlowNode } from './flow.ts'
import { planProcess } from './handler.ts'
import type { BatchHandler, BatchOptions, Handler, ProcessOptions } from './handler.ts'
import { judgeHealth } from './health.ts'
import type { QueueHealth } from './health.ts'
import { Job } from './job.ts'
import type { FinishedOptions, JobEdit, JobInfo } from './job.ts'
import { JobDesk } from './job-desk.ts'
import type { ListOptions, RedriveOptions } from './job-desk.ts'
import { newJob, plainJob } from './job-options.ts'
import type { JobOptions, RunOptions } from './job-options.ts'
import { DEFAULT_PAYLOAD_LIMIT, encodeJson } from './json.ts'
import { Counters } from './metrics.ts'
import type { QueueMetrics } from './metrics.ts'
import { settingsOfLimits } from './queue-limits.ts'
import type { QueueLimits } from './queue-limits.ts'
import { carryFlow } from './relay.ts'
import { runBatches, runEach } from './run-handler.ts'
import type { Run } from './consumer.ts'
import { readSchedules, specOf, storeSchedule } from './schedule-options.ts'
import type { RepeatOptions, ScheduleInfo } from './schedule-options.ts'
import { validate } from './standard-schema.ts'
import type { StandardSchema } from './standard-schema.ts'
import type { JobState } from './states.ts'
import { MAX_BATCH } from './add-lane.ts'
import type { Store } from './store.ts'
import { releaseStore, useStore } from './stores.ts'
import type { StoreChoice } from './stores.ts'
import { loadTracing } from './tracing.ts'
import type { Tracing } from './tracing.ts'
import { Worker } from './worker.ts'
import type { CloseOptions } from './worker.ts'

export interface QueueOptions<T = unknown> extends StoreChoice {
  /** Any Standard Schema (zod, valibot, arktype …): data are checked when added and when taken out. */
  readonly schema?: StandardSchema<T>
  /** For all jobs that this process adds, unless they say otherwise. */
  readonly defaults?: RunOptions
  /** Bytes of JSON that data or a return value may have. Default 262,144 (256 KiB). */
  readonly payloadLimit?: number
}

/** A store that does not answer a health probe for so long is away. */
const HEALTH_MS = 2_000

/** Data of a queue without a declared type. */
export type AnyData = Record<string, unknown>

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

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
  readonly #limit: number
  readonly #plain: { readonly settings: string; readonly priority: number }
  #tracing: Tracing | null | undefined = undefined
  #worker: Worker | null = null
  /** Takes back the registration for signals. */
  #forget: (() => void) | null = null
  #closed: Promise<void> | null = null

  /** Connects at first use. @throws PandaError no_store, invalid_url, invalid_option */
  constructor(name: string, options: QueueOptions<T> = {}) {
    if (!NAME.test(name)) {
      throw new PandaError('invalid_option', `"${name}" is no name of a queue`, {
        hint: 'Use letters, digits, ".", "_" and "-", at most 128.',
      })
    }
    this.name = name
    this.#options = options
    this.#limit = options.payloadLimit ?? DEFAULT_PAYLOAD_LIMIT
    const { settings, priority } = newJob('', options.defaults ?? {}, {})
    this.#plain = { settings, priority }
    this.#store = useStore(options)
    this.#desk = new JobDesk<T, R>(name, this.#store, (data) => this.#encode(data))
  }

  /**
   * Resolves once the store has the job.
   * @throws PandaError invalid_payload, not_json, payload_too_large, invalid_option, store_away (after `patience`), closed
   */
  async add(data: T, options?: JobOptions): Promise<Job<T, R>> {
    this.#assertOpen()
    if (this.#tracing === undefined) this.#tracing = await loadTracing()
    const body =
      this.#options.schema === undefined ? encodeJson(data, this.#what, this.#limit) : await this.#encode(data)
    const tracing = this.#tracing
    const added =
      tracing === null || !tracing.active()
        ? await this.#addBody(body, options, undefined)
        : await tracing.adding(this.name, (trace) => this.#addBody(body, options, trace))
    if (added.deduplicated) this.#counters.deduplicated += 1
    else this.#counters.added += 1
    return new Job(added.id, data, added.deduplicated, this.#desk)
  }

  /** Many at once, in this order; each thousand is stored as a whole. @throws as `add` */
  async addBulk(jobs: readonly { readonly data: T; readonly options?: JobOptions }[]): Promise<Job<T, R>[]> {
    this.#assertOpen()
    const made: NewJob[] = []
    for (const { data, options } of jobs) {
      if (options?.tx !== undefined) throw new PandaError('invalid_option', 'addBulk takes no tx')
      made.push(this.#newJob(await this.#encode(data), options, undefined))
    }
    const added: Added[] = []
    for (let i = 0; i < made.length; i += MAX_BATCH) {
      const batch = made.slice(i, i + MAX_BATCH)
      added.push(
        ...(await this.#store.call(`add to queue "${this.name}"`, (driver, signal) =>
          driver.add(this.name, batch, signal),
        )),
      )
    }
    return added.map(({ id, deduplicated }, i) => {
      if (deduplicated) this.#counters.deduplicated += 1
      else this.#counters.added += 1
      return new Job(id, jobs[i]!.data, deduplicated, this.#desk)
    })
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
    return this.#work(options, options.batch, () => runBatches(handler))
  }

  /** A job and all that it waits for. Its handler reads what they came to by `job.children()`. */
  async addFlow(flow: FlowNode): Promise<FlowIds> {
    this.#assertOpen()
    const { job, ids } = planFlow(flow, this.name, this.#limit)
    await this.#store.call(`add a flow to queue "${ids.queue}"`, (driver, signal) =>
      driver.add(ids.queue, [job], signal),
    )
    // The children are in the store, with their parent; should this process die here, any worker of that queue goes on.
    await this.#store.call(`add the children of ${ids.id}`, (driver) => carryFlow(driver, ids.queue))
    this.#counters.added += 1
    return ids
  }

  /** Repeats: one job per time of the cron expression, however many workers there are. A key that exists is replaced. */
  async schedule(key: string, expression: string, options: RepeatOptions<T>): Promise<void> {
    this.#assertOpen()
    const spec = specOf(expression, options, await this.#encode(options.data), this.#options.defaults ?? {})
    await this.#store.call(`schedule "${key}"`, (driver) => storeSchedule(driver, this.name, key, spec))
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
    return this.#counters.read(consumer?.running.size ?? 0, consumer?.bufferedJobs ?? 0)
  }

  /**
   * Takes no new work, lets running handlers finish within the grace (default 30 s), hands the rest back at once, sends
   * what was being added, closes the connections that no other queue uses.
   */
  close(options?: CloseOptions): Promise<void> {
    this.#closed ??= this.#close(options)
    return this.#closed
  }

  async #close(options?: CloseOptions): Promise<void> {
    this.#forget?.()
    await this.#worker?.close(options)
    await releaseStore(this.#store, this.#options)
  }

  #work(options: ProcessOptions, batch: BatchOptions | null, run: (tracing: Tracing | null) => Run): Worker {
    this.#assertOpen()
    if (this.#worker !== null)
      throw new PandaError('wrong_state', `queue "${this.name}" is being processed by this object already`)
    const { schema } = this.#options
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
        valueLimit: this.#limit,
      },
      check: schema === undefined ? null : (data) => validate(schema, data, this.#what),
      makeRun: async () => run(await loadTracing()),
    })
    this.#worker = worker
    if (options.handleSignals !== false) this.#forget = onShutdown(() => this.close())
    return worker
  }

  #addBody(body: string, options: JobOptions | undefined, trace: Record<string, string> | undefined): Promise<Added> {
    if (options === undefined && trace === undefined)
      return this.#store.add(this.name, plainJob(body, this.#plain.settings, this.#plain.priority))
    const job = this.#newJob(body, options, trace)
    return options?.tx === undefined ? this.#store.add(this.name, job) : this.#addWithin(options.tx, job)
  }

  /** In Redis a transaction of a database cannot take part: the job goes by that database's outbox, Redis need not be there. */
  async #addWithin(tx: object, job: NewJob): Promise<Added> {
    if (this.#store.kind === 'redis') {
      await writeOutbox(tx, this.name, job)
      return { id: job.id, deduplicated: false }
    }
    const { driver } = await this.#store.parts()
    if (driver.addWithin === undefined)
      throw new PandaError('invalid_option', `tx needs a database; queue "${this.name}" is on ${this.#store.kind}`)
    const [added] = await driver.addWithin(tx, this.name, [job])
    return added!
  }

  #newJob(body: string, options: JobOptions | undefined, trace: Record<string, string> | undefined): NewJob {
    return newJob(body, this.#options.defaults ?? {}, options ?? {}, trace === undefined ? {} : { trace })
  }

  async #encode(data: T): Promise<string> {
    const { schema } = this.#options
    if (schema !== undefined) await validate(schema, data, this.#what)
    return encodeJson(data, this.#what, this.#limit)
  }

  #configure(settings: Partial<QueueSettings>): Promise<unknown> {
    return this.#store.call(`configure queue "${this.name}"`, (driver, signal) =>
      driver.configure(this.name, settings, signal),
    )
  }

  get #what(): string {
    return `the data of a job of "${this.name}"`
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
