import type { Duration } from '../duration.ts'
import { durationMs } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { assertKnown, namesOf } from '../options.ts'
import type { KeepPolicy, Kept } from './driver.ts'
import { DEFAULT_KEEP } from './keep-policy.ts'
import type { BackoffFunction } from './outcome.ts'
import type { JobTools, RunningJob } from './running-job.ts'

/** Works on one job. What it returns is kept with the job; what it throws is its failure. */
export type Handler<T, R> = (job: RunningJob<T>, tools: JobTools) => R | Promise<R>

/**
 * Works on several jobs at a time. Returning nothing: all succeeded. An array as long as the jobs says what each came to:
 * an Error is a failure of that job (a FinalError a final one), anything else its return value. Throwing fails all.
 */
export type BatchHandler<T, R> = (
  jobs: readonly RunningJob<T>[],
) => void | readonly (R | Error)[] | Promise<void | readonly (R | Error)[]>

/** How long what has ended is kept: by count, by age, whichever ends first. */
export interface Keep {
  readonly count?: number
  readonly age?: Duration
}

export interface ProcessOptions {
  /** Jobs (with `batch`: batches) at a time in this process. Default 1. */
  readonly concurrency?: number
  /** Jobs to claim ahead of need. Default: adaptive, about 20 ms of work; 0 for slow handlers, groups and limited queues. */
  readonly prefetch?: number
  /** The wait before the next attempt, decided here instead of by the job. `null` = as the job says. */
  readonly backoff?: BackoffFunction
  /** Kept of each kind. Default: succeeded and cancelled 1,000 for an hour, dead 10,000 for 30 days. `count: 0` keeps none. */
  readonly keep?: { readonly succeeded?: Keep; readonly cancelled?: Keep; readonly dead?: Keep }
  /**
   * At SIGTERM and SIGINT the queue is closed with the default grace, then the process ends. Default true. Set it to false
   * if you call `close` yourself.
   */
  readonly handleSignals?: boolean
  /** A result came too late: the job had been taken back. Never thrown into the handler. */
  readonly onRefused?: (id: string) => void
  /** What goes wrong outside of handlers, such as a store that is away. Default: a process warning, once per outage. */
  readonly onError?: (error: Error) => void
}

export interface BatchOptions {
  /** Jobs in one batch at most. */
  readonly size: number
  /** How long to wait for a full one. Default 0: what is there is taken. */
  readonly wait?: Duration
}

export interface Plan {
  readonly concurrency: number
  readonly prefetch: number | null
  readonly backoff: BackoffFunction | null
  readonly batch: { readonly size: number; readonly waitMs: number } | null
  readonly keep: KeepPolicy
  readonly onRefused: ((id: string) => void) | null
  readonly onError: ((error: Error) => void) | null
}

const EACH: Readonly<Record<keyof ProcessOptions, true>> = {
  concurrency: true,
  prefetch: true,
  backoff: true,
  keep: true,
  onRefused: true,
  onError: true,
  handleSignals: true,
}
const KNOWN = namesOf<ProcessOptions>(EACH)
const KNOWN_WITH_BATCH = namesOf<ProcessOptions & { batch: BatchOptions }>({ ...EACH, batch: true })
const BATCH = namesOf<BatchOptions>({ size: true, wait: true })
const KINDS = namesOf<KeepPolicy>({ succeeded: true, cancelled: true, dead: true })
const KEEP = namesOf<Keep>({ count: true, age: true })

/** @throws PandaError invalid_option */
export function planProcess(options: ProcessOptions, batch: BatchOptions | null): Plan {
  if (batch === null) assertKnown(options, KNOWN, 'process')
  else assertKnown(options, KNOWN_WITH_BATCH, 'processBatch')
  if (batch !== null) assertKnown(batch, BATCH, 'batch')
  if (options.keep !== undefined) assertKnown(options.keep, KINDS, 'keep')
  return {
    concurrency: whole(options.concurrency ?? 1, 'concurrency', 1),
    prefetch: options.prefetch === undefined ? null : whole(options.prefetch, 'prefetch', 0),
    backoff: options.backoff ?? null,
    batch: batch && { size: whole(batch.size, 'batch.size', 1), waitMs: durationMs(batch.wait ?? 0, 'batch.wait') },
    keep: {
      succeeded: kept('succeeded', options.keep?.succeeded),
      cancelled: kept('cancelled', options.keep?.cancelled),
      dead: kept('dead', options.keep?.dead),
    },
    onRefused: options.onRefused ?? null,
    onError: options.onError ?? null,
  }
}

function kept(kind: keyof KeepPolicy, keep: Keep | undefined): Kept {
  if (keep !== undefined) assertKnown(keep, KEEP, `keep.${kind}`)
  return {
    count: keep?.count === undefined ? DEFAULT_KEEP[kind].count : whole(keep.count, `keep.${kind}.count`, 0),
    ageMs: keep?.age === undefined ? DEFAULT_KEEP[kind].ageMs : durationMs(keep.age, `keep.${kind}.age`),
  }
}

export function whole(value: number, option: string, min: number): number {
  if (Number.isInteger(value) && value >= min && value <= 1_000_000) return value
  throw new PandaError('invalid_option', `${option} must be a whole number from ${min} on, not ${String(value)}`)
}

/** What the application's own function throws must not stop the worker. */
export function tellRefused(onRefused: Plan['onRefused'], id: string): void {
  try {
    onRefused?.(id)
  } catch (error) {
    process.emitWarning(`onRefused failed for job ${id}: ${String(error)}`, 'PandaWarning')
  }
}
