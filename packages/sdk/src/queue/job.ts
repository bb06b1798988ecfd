import type { Duration } from '../duration.ts'
import { PandaError } from '../errors.ts'
import type { JobRecord, ParentLink } from './driver.ts'
import type { JobState } from './states.ts'
import { decodeError } from './stored-error.ts'
import type { StoredError } from './stored-error.ts'

export interface FinishedOptions {
  /** Default: no end of waiting. */
  readonly timeout?: Duration
}
export interface JobEdit<T> {
  readonly data?: T
  readonly priority?: number
}

/** What can be done with one job, by its id. */
export interface JobActions<T, R> {
  find(id: string): Promise<JobInfo<T, R> | null>
  finished(id: string, options?: FinishedOptions): Promise<R>
  cancel(id: string, reason?: string): Promise<void>
  retry(id: string, data?: T): Promise<void>
  promote(id: string): Promise<void>
  edit(id: string, edit: JobEdit<T>): Promise<void>
  remove(id: string): Promise<void>
  logs(id: string): Promise<readonly string[]>
}

/** A job that was added, for whoever added it: a handle, not a copy of its state. */
export class Job<T = unknown, R = unknown> {
  readonly id: string
  readonly data: T
  /** The idempotency key was known: nothing was added, `id` is that of the earlier job. */
  readonly deduplicated: boolean
  readonly #actions: JobActions<T, R>

  constructor(id: string, data: T, deduplicated: boolean, actions: JobActions<T, R>) {
    this.id = id
    this.data = data
    this.deduplicated = deduplicated
    this.#actions = actions
  }

  /** How it is now; null when it is no longer kept. @throws PandaError store_away */
  info(): Promise<JobInfo<T, R> | null> {
    return this.#actions.find(this.id)
  }

  /**
   * Waits for its end.
   * @returns what its handler returned
   * @throws PandaError job_failed (its error is the `cause`), job_cancelled, job_not_found, timed_out, store_away
   */
  finished(options?: FinishedOptions): Promise<R> {
    return this.#actions.finished(this.id, options)
  }

  /** A waiting job is cancelled at once, a running one gets its signal aborted. @throws PandaError job_not_found, wrong_state */
  cancel(reason?: string): Promise<void> {
    return this.#actions.cancel(this.id, reason)
  }

  /** Queues an ended job anew, with new data if given. @throws PandaError job_not_found, wrong_state */
  retry(data?: T): Promise<void> {
    return this.#actions.retry(this.id, data)
  }

  /** A job that waits for its time may run at once. @throws PandaError job_not_found, wrong_state */
  promote(): Promise<void> {
    return this.#actions.promote(this.id)
  }

  /** Changes data or priority of a job that is not running. @throws PandaError job_not_found, wrong_state */
  edit(edit: JobEdit<T>): Promise<void> {
    return this.#actions.edit(this.id, edit)
  }

  /** Forgets a job that is not running. @throws PandaError job_not_found, wrong_state */
  remove(): Promise<void> {
    return this.#actions.remove(this.id)
  }

  /** Its last 1,000 log lines, oldest first. */
  logs(): Promise<readonly string[]> {
    return this.#actions.logs(this.id)
  }
}

/** A job with its state at the time of asking. Times are the store's. */
export class JobInfo<T = unknown, R = unknown> extends Job<T, R> {
  readonly state: JobState
  readonly priority: number
  readonly group: string | null
  readonly parent: ParentLink | null
  /** Attempts that have failed. */
  readonly failures: number
  /** Workers that died with it. */
  readonly crashes: number
  readonly progress: unknown
  /** What its handler returned; undefined unless it succeeded. */
  readonly value: R | undefined
  readonly error: StoredError | null
  readonly reason: string | null
  readonly worker: string | null
  /** Children that it still waits for. */
  readonly waitsFor: number
  readonly addedAt: Date
  readonly runAt: Date | null
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  readonly firstFailedAt: Date | null
  readonly lastFailedAt: Date | null

  constructor(record: JobRecord, actions: JobActions<T, R>) {
    super(record.id, JSON.parse(record.body) as T, false, actions)
    this.state = record.state
    this.priority = record.priority
    this.group = record.group
    this.parent = record.parent
    this.failures = record.failures
    this.crashes = record.crashes
    this.progress = parse(record.progress)
    this.value = parse(record.value) as R | undefined
    this.error = decodeError(record.error)
    this.reason = record.reason
    this.worker = record.worker
    this.waitsFor = record.waitsFor
    this.addedAt = new Date(record.addedAt)
    this.runAt = date(record.runAt)
    this.startedAt = date(record.startedAt)
    this.finishedAt = date(record.finishedAt)
    this.firstFailedAt = date(record.firstFailedAt)
    this.lastFailedAt = date(record.lastFailedAt)
  }
}

function parse(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text)
}

function date(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms)
}

export function notFound(queue: string, id: string): PandaError {
  return new PandaError('job_not_found', `There is no job ${id} in queue "${queue}"`)
}
