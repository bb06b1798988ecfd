import type { ChildResult } from './child-result.ts'
import { PandaError } from '../errors.ts'
import type { ClaimedJob, ParentLink } from './driver.ts'
import { encodeJson } from './json.ts'
import type { JobSettings } from './job-settings.ts'

/** What a handler can do besides its work. All of it is made only when it is used. */
export interface JobTools {
  /** Aborted when the job is cancelled or timed out, when its lease is lost, and at the end of the grace of a close. */
  readonly signal: AbortSignal
  /** Keeps a line with the job (the last 1,000 are kept). */
  readonly log: (line: string) => void
  /** Any plain JSON; the last one counts. @throws PandaError not_json, payload_too_large */
  readonly progress: (value: unknown) => void
  /** Says that the handler is alive: its timeout starts anew. */
  readonly heartbeat: () => void
}

/** The job as its handler sees it. */
export interface RunningJob<T = unknown> extends JobTools {
  readonly id: string
  readonly data: T
  readonly queue: string
  /** 1 for the first one. Crashes and jobs that were handed back do not count. */
  readonly attempt: number
  readonly crashes: number
  readonly priority: number
  readonly group: string | null
  readonly parent: ParentLink | null
  /** By the store's clock. */
  readonly addedAt: Date
  /** The schedule that made it and the time it stands for. */
  readonly schedule: { readonly key: string; readonly at: Date } | null
  /** What its children came to, in the order in which they ended. */
  children(): Promise<readonly ChildResult[]>
}

/** What a running job needs of its consumer. */
export interface RunningHost {
  readonly queue: string
  note(running: Running, line: string | null, progress: string | null): void
  beat(running: Running): void
  children(id: string): Promise<readonly ChildResult[]>
}

const PROGRESS_LIMIT = 65_536

/** One claim being worked on. Serves as both arguments of a handler, so that a plain job costs one object. */
export class Running implements RunningJob {
  data: unknown = undefined
  /** Its result is decided: what the handler still says is ignored. */
  done = false
  /** Taken back by the store: a result would be refused. */
  lost = false
  /** Its cancellation was asked for. */
  cancelReason: string | null = null
  /** Log lines or progress may not have been stored yet. */
  noted = false
  startedAt = 0
  /** The jobs of its batch that are not settled yet; null without batches. */
  mates: { left: number } | null = null
  readonly claim: ClaimedJob
  readonly settings: JobSettings
  private readonly host: RunningHost
  private abort: AbortController | null = null

  constructor(claim: ClaimedJob, settings: JobSettings, host: RunningHost) {
    this.claim = claim
    this.settings = settings
    this.host = host
  }

  get id(): string {
    return this.claim.id
  }
  get queue(): string {
    return this.host.queue
  }
  get attempt(): number {
    return this.claim.failures + 1
  }
  get crashes(): number {
    return this.claim.crashes
  }
  get priority(): number {
    return this.claim.priority
  }
  get group(): string | null {
    return this.claim.group
  }
  get parent(): ParentLink | null {
    return this.claim.parent
  }
  get addedAt(): Date {
    return new Date(this.claim.addedAt)
  }
  get schedule(): { key: string; at: Date } | null {
    const made = this.settings.schedule
    return made === undefined ? null : { key: made.key, at: new Date(made.at) }
  }

  get signal(): AbortSignal {
    if (this.abort === null) {
      this.abort = new AbortController()
      if (this.abortReason !== null) this.abort.abort(this.abortReason)
    }
    return this.abort.signal
  }
  get log(): (line: string) => void {
    return (line) => this.host.note(this, line, null)
  }
  get progress(): (value: unknown) => void {
    return (value) => this.host.note(this, null, encodeJson(value, `the progress of job ${this.id}`, PROGRESS_LIMIT))
  }
  get heartbeat(): () => void {
    return () => this.host.beat(this)
  }

  children(): Promise<readonly ChildResult[]> {
    return this.host.children(this.id)
  }

  /** Ends the handler's work as far as it listens. Only the first reason counts. */
  stop(reason: PandaError): void {
    if (this.abortReason !== null) return
    this.abortReason = reason
    this.abort?.abort(reason)
  }
  private abortReason: PandaError | null = null
}
