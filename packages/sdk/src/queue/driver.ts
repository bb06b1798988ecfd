/**
 * The seam between the queue and a store. It speaks in batches of jobs and in our own words; no type of a client library
 * crosses it. Everything that needs no store (retry policy, typed payloads, drain, coalescing, prefetch) is written once
 * above it. Every implementation passes `driver-contract.ts`.
 *
 * Rules for all calls:
 * - Times and leases compare against the store's clock, never against the caller's. Delays are given relative (ms).
 * - A call that rejects may nevertheless have been carried out (a lost answer). Every call is safe to repeat with the same
 *   arguments: an id that exists is not added again, a result whose fence no longer holds is refused, not applied.
 * - Errors are `PandaError`s; `store_away` means that the same call may succeed later.
 * - A `signal` ends the wait for the store, not what the store is doing.
 */
import type { FlowDriver } from './flow-driver.ts'
import type { Glance } from './glance.ts'
import type { DeadReason, JobState } from './states.ts'
import type { ScheduleDriver } from './schedule-driver.ts'

export interface QueueDriver extends FlowDriver, ScheduleDriver {
  readonly capabilities: QueueCapabilities

  /**
   * Connects and looks at version, rights and settings of the store.
   * @returns what could lose data, in sentences; empty when all is well
   * @throws PandaError unauthorized, read_only, unsupported_version, store_away
   */
  check(signal?: AbortSignal): Promise<readonly StoreProblem[]>

  /** Stores the jobs, all or none, in this order. Resolves once they are as durable as the store makes them. */
  add(queue: string, jobs: readonly NewJob[], signal?: AbortSignal): Promise<readonly Added[]>

  /**
   * The same inside the caller's own transaction: the jobs exist when it commits, and wake-ups are sent then. Present when
   * `capabilities.transactions`. The transaction is one of a client library that the driver knows by its shape, or a
   * {@link SqlRunner}.
   * @throws PandaError invalid_option when it is neither
   */
  addWithin?(transaction: object, queue: string, jobs: readonly NewJob[]): Promise<readonly Added[]>

  /**
   * One round trip of a worker: records the results of what it has done and claims what it may do next. Due `scheduled`
   * and `retrying` jobs are moved to `queued` on the way. With `want: 0` nothing is claimed, with no results nothing is
   * recorded. The worker must hold a lease (see `renew`); without one, or once it has run out, all its results are refused
   * and it gets nothing to do (`leased: false`); once renewed, it may send them again.
   */
  exchange(queue: string, worker: string, exchange: Exchange, signal?: AbortSignal): Promise<Exchanged>
  /**
   * An exchange that only claims, and does not wait until that is safe: a crash of the store may undo it, and its results are
   * refused then. Limits, places in groups and crash counts are not risked by it. Present when it is much quicker.
   */
  claimSoftly?(queue: string, worker: string, want: number, signal?: AbortSignal): Promise<Exchanged>

  /**
   * Makes or prolongs the worker's lease on these queues. One that has run out but was not yet taken back by `maintain` is
   * prolonged as if it had not, so that an outage of the store costs nobody a crash. It ends `leaseMs` from now, also when
   * that is earlier than before.
   */
  renew(worker: WorkerInfo, queues: readonly string[], leaseMs: number): Promise<Renewed>

  /**
   * Gives the lease back: what it was still running is queued again at once, without a crash on its record.
   * @param keep of what ends by it: a running job whose cancellation was asked for
   */
  leave(worker: string, queues: readonly string[], keep?: KeepPolicy): Promise<void>

  /**
   * What nobody asks for: takes back the jobs of workers whose lease has run out (a crash each), moves due jobs, removes
   * finished ones past their age. Cheap when there is nothing to do; any number of processes may call it at once.
   * @param keep of what ends by it: a third crash, a cancelled job of a dead worker
   */
  maintain(queue: string, keep?: KeepPolicy, signal?: AbortSignal): Promise<Maintained>

  /**
   * A look at these queues in one call: whether there is anything to do in them that no job asks for. Changes nothing. Every
   * queue that was asked for has its answer; one that does not exist has nothing.
   */
  glance(queues: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, Glance>>

  /** Each id is told what came of it; see {@link Change}. */
  change(queue: string, ids: readonly string[], change: Change, signal?: AbortSignal): Promise<readonly ChangeOutcome[]>

  /** Null for an id that is not (or no longer) there. */
  get(queue: string, ids: readonly string[], signal?: AbortSignal): Promise<readonly (JobRecord | null)[]>
  list(queue: string, query: ListQuery, signal?: AbortSignal): Promise<ListPage>
  stats(queue: string, signal?: AbortSignal): Promise<QueueStats>
  /** Names of all queues of this store that exist, sorted. A queue exists from its first job, setting or worker on. */
  queues(signal?: AbortSignal): Promise<readonly string[]>

  /** Stores settings that all workers of the queue obey from the next claim on; what is left out stays as it is. */
  configure(queue: string, settings: Partial<QueueSettings>, signal?: AbortSignal): Promise<QueueSettings>

  /** Progress and log lines of a running job; refused (false) when the fence no longer holds. At most 1,000 lines a job are kept, the oldest go. */
  note(queue: string, id: string, fence: string, note: Note): Promise<boolean>
  logs(queue: string, id: string): Promise<readonly string[]>

  /**
   * Asks to be told when this job has ended (see `finished` of {@link Signal}).
   * @returns its record when it has ended already (then nothing is asked for), else null
   * @throws PandaError job_not_found
   */
  watch(queue: string, id: string): Promise<JobRecord | null>

  /**
   * Signals of these queues from now on, pushed by the store. One connection per driver, however many queues. Lost signals
   * are possible while the store is away: `reconnected` says that it is back and that everything is worth a look.
   * @returns ends it
   */
  listen(queues: readonly string[], onSignal: (signal: Signal) => void): Promise<() => void>

  /** What renews leases in a thread of its own, as plain data; null when only the main thread can. */
  keeperPlan(): KeeperPlan | null

  /** Ends all connections. Calls under way are rejected with `closed`. */
  close(): Promise<void>
}

/** One statement in the caller's transaction: `$1`, `$2` … as placeholders. @returns its rows */
export type SqlRunner = (text: string, values: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>

export interface QueueCapabilities {
  readonly name: 'redis' | 'postgres' | 'memory'
  /** True when a job can be added inside the caller's own database transaction. */
  readonly transactions: boolean
  /** Other processes see the same jobs. */
  readonly shared: boolean
}

export interface StoreProblem {
  /** The setting, e.g. `appendonly`. */
  readonly setting: string
  /** What it is, what can be lost by it, what to do. */
  readonly message: string
}

export interface NewJob {
  /** ULID, made by the caller. */
  readonly id: string
  /** JSON text of the payload. */
  readonly body: string
  /** JSON text of what only the code above the seam reads (attempts, backoff, timeout, trace …); '' = all defaults. Kept and given back as it is. */
  readonly settings: string
  /** -100 to 100, higher first, default 0. */
  readonly priority: number
  /** One after the other (or as many as the queue's settings allow) per key, in order; null = none. */
  readonly group: string | null
  /** Ms from now; 0 = at once. */
  readonly delayMs: number
  /** Instead of a delay: RFC 3339 time in ms since 1970; in the past = at once. */
  readonly runAt: number | null
  readonly key: IdempotencyKey | null
  readonly parent: ParentLink | null
  /** It waits for these before it is queued; empty = none. Ids are unique over all queues. */
  readonly children: readonly ChildLink[]
}

/** While it lives, an add with the same value adds nothing. It lives from the first add on, also beyond the end of the job. */
export interface IdempotencyKey {
  readonly value: string
  readonly ttlMs: number
}

export interface ParentLink {
  readonly queue: string
  readonly id: string
}

export interface ChildLink {
  readonly queue: string
  /** Complete, so that it can be added by anybody if who added the parent dies in between. */
  readonly job: NewJob
}

export interface Added {
  /** The job that stands for this add. With `deduplicated` it is an earlier one. */
  readonly id: string
  /** True when the idempotency key was taken. An id that was there already (a repeated call) is not called deduplicated. */
  readonly deduplicated: boolean
}

export interface Exchange {
  readonly results: readonly JobResult[]
  /** Jobs to claim at most. */
  readonly want: number
  readonly keep: KeepPolicy
  /**
   * Sent after an exchange of this worker failed, since the jobs in an answer that got lost would run nowhere: ids of all
   * that the worker knows itself to be running on this queue (results of this call included). What the store believes it
   * to be running besides is released, before anything is claimed. Only while no other exchange of the worker is under
   * way; to be sent again some seconds later, because a call that timed out may be carried out late.
   */
  readonly holds?: readonly string[]
}

/**
 * How long what has ended is kept. `count` 0 removes at once. Where a call takes none, or may be given none, it is
 * `DEFAULT_KEEP`. A watched job is kept for at least 60 s.
 */
export interface KeepPolicy {
  readonly succeeded: Kept
  readonly cancelled: Kept
  readonly dead: Kept
}
export interface Kept {
  readonly count: number
  readonly ageMs: number
}

export interface Exchanged {
  readonly jobs: readonly ClaimedJob[]
  /** Ids of results that were refused: the fence no longer held. */
  readonly refused: readonly string[]
  /** When it is worth asking again although no signal comes: a job falls due, a rate limit opens; null = never. */
  readonly againInMs: number | null
  /** False when this worker's lease is gone: it must be renewed, and what it runs is no longer its own. */
  readonly leased: boolean
}

export interface ClaimedJob {
  readonly id: string
  readonly body: string
  readonly settings: string
  readonly priority: number
  readonly group: string | null
  readonly parent: ParentLink | null
  /** Proves that a result belongs to this claim. */
  readonly fence: string
  /** Attempts that have failed so far; released and crashed ones do not count. */
  readonly failures: number
  readonly crashes: number
  /** Ms since 1970 by the store's clock. */
  readonly addedAt: number
}

export type JobResult =
  | { readonly kind: 'succeeded'; readonly job: ClaimedJob; /** JSON text */ readonly value: string | null }
  | { readonly kind: 'retry'; readonly job: ClaimedJob; readonly delayMs: number; readonly error: string }
  /** `expired` is a reason of events alone. */
  | { readonly kind: 'dead'; readonly job: ClaimedJob; readonly reason: DeadReason | 'expired'; readonly error: string }
  | { readonly kind: 'cancelled'; readonly job: ClaimedJob; readonly reason: string }
  /** Handed back unstarted, or unfinished at a close: queued again before all others (several in the order of the results), as if never claimed. A job whose cancellation was asked for never waits again: `retry`, `released` and a crash make it `cancelled`. */
  | { readonly kind: 'released'; readonly job: ClaimedJob }

export interface WorkerInfo {
  /** Unique per process and start. */
  readonly id: string
  /** Host, pid, app and version, for people; JSON text. */
  readonly about: string
}

export interface Renewed {
  /** Queues on which it had no lease (any more): whatever it was running there is no longer its own. */
  readonly fresh: readonly string[]
  /** Ids of its running jobs whose cancellation was asked for, by queue: the second way for a signal that got lost. Queues without any are left out. */
  readonly cancelled: ReadonlyMap<string, readonly string[]>
}

export interface Maintained {
  /** Jobs taken back from dead workers; those with too many crashes are dead now. */
  readonly recovered: number
  readonly dead: number
  readonly againInMs: number | null
}

/**
 * - `cancel`: waiting → cancelled at once (`done`); running → its worker is told (`requested`).
 * - `retry`: final → queued, at the end, with failures and crashes set to 0 and result, error and reason forgotten. `body`
 *   replaces the body first.
 * - `promote`: scheduled or retrying → queued. One that waits for children is in the wrong state for it.
 * - `edit`: replaces body and/or priority of a job that is not running. With another priority it goes to that one's end.
 * - `remove`: forgets a job that is not running. To the parent of one that had not ended, and to who watches it, it counts
 *   as cancelled, with the reason `removed`.
 */
export type Change =
  | { readonly kind: 'cancel'; readonly reason: string; readonly keep: Kept }
  | { readonly kind: 'retry'; readonly body?: string }
  | { readonly kind: 'promote' }
  | { readonly kind: 'edit'; readonly body?: string; readonly priority?: number }
  | { readonly kind: 'remove' }

export type ChangeOutcome = 'done' | 'requested' | 'not-found' | 'wrong-state'

export interface JobRecord {
  readonly id: string
  readonly state: JobState
  readonly body: string
  readonly settings: string
  readonly priority: number
  readonly group: string | null
  readonly parent: ParentLink | null
  readonly failures: number
  readonly crashes: number
  /** JSON text: progress as the handler gave it. */
  readonly progress: string | null
  /** JSON text: what the handler returned. */
  readonly value: string | null
  /** JSON text of the last failure. */
  readonly error: string | null
  /** Why it is cancelled or dead. */
  readonly reason: string | null
  readonly worker: string | null
  /** All in ms since 1970 by the store's clock. */
  readonly addedAt: number
  /** When a scheduled or retrying job falls due. */
  readonly runAt: number | null
  readonly startedAt: number | null
  readonly finishedAt: number | null
  readonly firstFailedAt: number | null
  readonly lastFailedAt: number | null
  /** Children that it still waits for. */
  readonly waitsFor: number
}

export interface ListQuery {
  readonly state: JobState
  readonly group?: string
  readonly limit: number
  /** From an earlier page; undefined = from the start. Oldest first; queued ones in the order in which they would run, as far as the store can tell. */
  readonly cursor?: string
}

export interface ListPage {
  readonly jobs: readonly JobRecord[]
  readonly cursor: string | null
}

export interface QueueStats {
  readonly counts: Readonly<Record<JobState, number>>
  /**
   * Since the queue exists, never counted by a scan: jobs added, succeeded and dead; `failed` attempts (`retry` and `dead`
   * results); claims that ended by a crash of their worker.
   */
  readonly totals: {
    readonly added: number
    readonly succeeded: number
    readonly failed: number
    readonly dead: number
    readonly crashed: number
  }
  /** How long the first queued one has waited; null when none waits. */
  readonly oldestQueuedMs: number | null
  readonly settings: QueueSettings
  readonly workers: readonly WorkerState[]
}

export interface WorkerState {
  readonly id: string
  readonly about: string
  readonly running: number
  readonly leaseEndsInMs: number
}

export interface Rate {
  readonly limit: number
  readonly perMs: number
}

/** null = no limit. Limits count claims. */
export interface QueueSettings {
  readonly paused: boolean
  readonly concurrency: number | null
  readonly rate: Rate | null
  /** Running jobs per group at most. Default 1. */
  readonly groupConcurrency: number
  readonly groupRate: Rate | null
}

export interface Note {
  /** JSON text. */
  readonly progress?: string
  readonly lines?: readonly string[]
}

/**
 * `work`: an exchange may give something now. Sent when a worker got less than it wanted since the last one, so that a busy
 * queue sends nothing. Queues have no braces in their names: they mark the queue's slot in a Redis cluster.
 */
export type Signal =
  | { readonly kind: 'work' | 'settings'; readonly queue: string }
  | { readonly kind: 'cancel'; readonly queue: string; readonly ids: readonly string[] }
  | {
      readonly kind: 'finished'
      readonly queue: string
      readonly id: string
      readonly state: JobState
      readonly value: string | null
      readonly error: string | null
      readonly reason: string | null
    }
  | { readonly kind: 'reconnected' }

/** Loaded by the lease thread: `module` exports `openKeeper(config): Promise<LeaseKeeper>`. */
export interface KeeperPlan {
  readonly module: string
  /** Structured-cloneable. */
  readonly config: unknown
}

export interface LeaseKeeper {
  renew: QueueDriver['renew']
  close(): Promise<void>
}
