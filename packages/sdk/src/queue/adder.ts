import { checkSchema, DEFAULT_SCHEMA } from '../drivers/postgres/options.ts'
import { PandaError } from '../errors.ts'
import { assertKnown, namesOf } from '../options.ts'
import { writeOutbox } from '../outbox/write.ts'
import { MAX_BATCH } from './add-lane.ts'
import type { Added, NewJob } from './driver.ts'
import { planFlow } from './flow.ts'
import type { FlowIds, FlowNode } from './flow.ts'
import { Job } from './job.ts'
import type { JobActions } from './job.ts'
import { newJob, plainJob } from './job-options.ts'
import type { JobOptions, RunOptions } from './job-options.ts'
import { DEFAULT_PAYLOAD_LIMIT, encodeJson } from './json.ts'
import type { Counters } from './metrics.ts'
import { carryFlow } from './relay.ts'
import { specOf, storeSchedule } from './schedule-options.ts'
import type { RepeatOptions } from './schedule-options.ts'
import { validate } from './standard-schema.ts'
import type { StandardSchema } from './standard-schema.ts'
import type { Store } from './store.ts'
import { loadTracing } from './tracing.ts'
import type { Carrier, Tracing } from './tracing.ts'

/** How a queue makes jobs of data. */
export interface AddingOptions<T = unknown> {
  /** Any Standard Schema (zod, valibot, arktype …): data are checked when added and when taken out. */
  readonly schema?: StandardSchema<T>
  /** For all jobs of this queue that this process adds, unless they say otherwise. */
  readonly defaults?: RunOptions
  /** Bytes of JSON that data or a return value may have. Default 262,144 (256 KiB). */
  readonly payloadLimit?: number
  /** Schema of the outbox for `add(…, { tx })` to a queue in Redis: as that of `startOutbox`. Default `panda_queue`. */
  readonly outboxSchema?: string
}

export interface BulkItem<T> {
  readonly data: T
  readonly options?: JobOptions
}

const DEFAULTS = namesOf<RunOptions>({ attempts: true, backoff: true, timeout: true, priority: true })
const BULK_ITEM = namesOf<BulkItem<unknown>>({ data: true, options: true })

/** {@link AddingOptions}, checked and with their defaults. */
export interface AddingPlan<T> {
  readonly schema: StandardSchema<T> | undefined
  readonly defaults: RunOptions
  readonly limit: number
  readonly outboxSchema: string
  /** Of a job without options of its own. */
  readonly plain: { readonly settings: string; readonly priority: number }
}

/** @throws PandaError invalid_option */
export function planAdding<T>(options: AddingOptions<T>): AddingPlan<T> {
  const { schema, defaults = {}, payloadLimit = DEFAULT_PAYLOAD_LIMIT } = options
  assertKnown(defaults, DEFAULTS, 'defaults of a queue')
  const limit = checkLimit(payloadLimit)
  const outboxSchema = checkSchema(options.outboxSchema ?? DEFAULT_SCHEMA)
  const { settings, priority } = newJob('', defaults, {})
  return { schema, defaults, limit, outboxSchema, plain: { settings, priority } }
}

/** Makes jobs of data and options, and stores them: what `Queue` does until it is closed. */
export class Adder<T, R> {
  readonly #queue: string
  readonly #store: Store
  readonly #plan: AddingPlan<T>
  readonly #counters: Counters
  readonly #actions: JobActions<T, R>
  #tracing: Tracing | null | undefined = undefined
  #isShut = false
  #underWay = 0
  #onIdle: (() => void) | null = null

  constructor(queue: string, store: Store, plan: AddingPlan<T>, counters: Counters, actions: JobActions<T, R>) {
    this.#queue = queue
    this.#store = store
    this.#plan = plan
    this.#counters = counters
    this.#actions = actions
  }

  async add(data: T, options: JobOptions | undefined): Promise<Job<T, R>> {
    this.#enter()
    try {
      if (this.#tracing === undefined) this.#tracing = await loadTracing()
      const { schema, limit } = this.#plan
      const body = schema === undefined ? encodeJson(data, this.#what, limit) : await this.encode(data)
      const tracing = this.#tracing
      const added =
        tracing === null || !tracing.active()
          ? await this.#addBody(body, options, undefined)
          : await tracing.publishing(this.#queue, (trace) => this.#addBody(body, options, trace))
      return this.#jobOf(added, data)
    } finally {
      this.#leave()
    }
  }

  async addBulk(items: readonly BulkItem<T>[]): Promise<Job<T, R>[]> {
    return this.#within(async () => {
      const bodies: string[] = []
      for (const item of items) {
        assertKnown(item, BULK_ITEM, 'an item of addBulk')
        if (item.options?.tx !== undefined) throw new PandaError('invalid_option', 'addBulk takes no tx')
        bodies.push(await this.encode(item.data))
      }
      const added = await this.#traced(
        async (trace) => this.#addAll(items.map(({ options }, i) => this.#newJob(bodies[i]!, options, trace))),
        { 'messaging.batch.message_count': items.length },
      )
      return added.map((one, i) => this.#jobOf(one, items[i]!.data))
    })
  }

  async addFlow(flow: FlowNode): Promise<FlowIds> {
    return this.#within(() =>
      this.#traced(async (trace) => {
        const { job, ids } = await planFlow(flow, this.#queue, {
          encode: (queue, data) => this.#encodeFor(queue, data),
          defaults: (queue) => (queue === this.#queue ? this.#plan.defaults : {}),
          trace,
        })
        await this.#store.call(`add a flow to queue "${ids.queue}"`, (driver, signal) =>
          driver.add(ids.queue, [job], signal),
        )
        // The children are in the store, with their parent; should this process die here, any worker of that queue goes on.
        await this.#store.call(`add the children of ${ids.id}`, (driver) => carryFlow(driver, ids.queue))
        this.#counters.added += 1
        return ids
      }),
    )
  }

  async schedule(key: string, expression: string, options: RepeatOptions<T>): Promise<void> {
    return this.#within(async () => {
      const spec = await specOf(key, expression, options, (data) => this.encode(data), this.#plan.defaults)
      await this.#store.call(`schedule "${key}"`, (driver) => storeSchedule(driver, this.#queue, key, spec))
    })
  }

  /** JSON text of data that fit. @throws PandaError invalid_payload, not_json, payload_too_large */
  async encode(data: T): Promise<string> {
    const { schema, limit } = this.#plan
    if (schema !== undefined) await validate(schema, data, this.#what)
    return encodeJson(data, this.#what, limit)
  }

  /** Nothing more is taken; resolves when what was taken before has come to its end. */
  async shut(): Promise<void> {
    this.#isShut = true
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
  }

  #encodeFor(queue: string, data: unknown): Promise<string> {
    // The data of a flow are not typed: with a schema they are checked, without one they are what the caller says.
    if (queue === this.#queue) return this.encode(data as T)
    return Promise.resolve(encodeJson(data, `the data of a job of "${queue}"`, this.#plan.limit))
  }

  async #traced<V>(
    work: (trace: Carrier | undefined) => Promise<V>,
    attributes: Readonly<Record<string, number>> = {},
  ): Promise<V> {
    if (this.#tracing === undefined) this.#tracing = await loadTracing()
    if (this.#tracing?.active() !== true) return work(undefined)
    return this.#tracing.publishing(this.#queue, work, { attributes })
  }

  async #addAll(jobs: readonly NewJob[]): Promise<Added[]> {
    const added: Added[] = []
    for (let i = 0; i < jobs.length; i += MAX_BATCH) {
      const batch = jobs.slice(i, i + MAX_BATCH)
      const answers = await this.#store.call(`add to queue "${this.#queue}"`, (driver, signal) =>
        driver.add(this.#queue, batch, signal),
      )
      added.push(...answers)
    }
    return added
  }

  #addBody(body: string, options: JobOptions | undefined, trace: Carrier | undefined): Promise<Added> {
    const job = this.#newJob(body, options, trace)
    return options?.tx === undefined ? this.#store.add(this.#queue, job) : this.#addWithin(options.tx, job)
  }

  /** In Redis a transaction of a database cannot take part: the job goes by that database's outbox, Redis need not be there. */
  async #addWithin(tx: object, job: NewJob): Promise<Added> {
    if (this.#store.kind === 'redis') {
      await writeOutbox(tx, this.#queue, job, this.#plan.outboxSchema)
      return { id: job.id, deduplicated: false }
    }
    const { driver } = await this.#store.parts()
    if (driver.addWithin === undefined)
      throw new PandaError('invalid_option', `tx needs a database; queue "${this.#queue}" is on ${this.#store.kind}`)
    const [added] = await driver.addWithin(tx, this.#queue, [job])
    return added!
  }

  #newJob(body: string, options: JobOptions | undefined, trace: Carrier | undefined): NewJob {
    if (options === undefined && trace === undefined)
      return plainJob(body, this.#plan.plain.settings, this.#plan.plain.priority)
    return newJob(body, this.#plan.defaults, options ?? {}, trace === undefined ? {} : { trace })
  }

  #jobOf({ id, deduplicated }: Added, data: T): Job<T, R> {
    if (deduplicated) this.#counters.deduplicated += 1
    else this.#counters.added += 1
    return new Job(id, data, deduplicated, this.#actions)
  }

  async #within<V>(work: () => Promise<V>): Promise<V> {
    this.#enter()
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  #enter(): void {
    if (this.#isShut) throw new PandaError('closed', `queue "${this.#queue}" was closed`)
    this.#underWay += 1
  }

  #leave(): void {
    this.#underWay -= 1
    if (this.#underWay === 0) this.#onIdle?.()
  }

  get #what(): string {
    return `the data of a job of "${this.#queue}"`
  }
}

function checkLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit > 0) return limit
  throw new PandaError('invalid_option', `payloadLimit must be a number of bytes from 1 on, not ${String(limit)}`)
}
