import { durationText } from '../duration.ts'
import type { QueueSettings, QueueStats, Rate } from './driver.ts'
import type { JobInfo } from './job.ts'

/** A queue as the API and the CLI show it: plain JSON, durations as `1m30s`, times in RFC 3339. */
export interface QueueView {
  readonly name: string
  readonly paused: boolean
  readonly counts: QueueStats['counts']
  readonly totals: QueueStats['totals']
  readonly oldestQueued: string | null
  readonly limits: LimitsView
  readonly workers: WorkerView[]
}
export interface LimitsView {
  readonly concurrency: number | null
  readonly rate: RateView | null
  readonly groupConcurrency: number
  readonly groupRate: RateView | null
}
export interface RateView {
  readonly limit: number
  readonly per: string
}
export interface WorkerView {
  readonly id: string
  readonly about: unknown
  readonly running: number
  readonly leaseEndsIn: string
}

/** A job as the API and the CLI show it. */
export type JobView = ReturnType<typeof viewJob>

export function viewQueue(name: string, stats: QueueStats): QueueView {
  const { settings } = stats
  return {
    name,
    paused: settings.paused,
    counts: stats.counts,
    totals: stats.totals,
    oldestQueued: stats.oldestQueuedMs === null ? null : durationText(stats.oldestQueuedMs),
    limits: viewLimits(settings),
    workers: stats.workers.map((worker) => ({
      id: worker.id,
      about: parse(worker.about),
      running: worker.running,
      leaseEndsIn: durationText(worker.leaseEndsInMs),
    })),
  }
}

function viewLimits(settings: QueueSettings): LimitsView {
  return {
    concurrency: settings.concurrency,
    rate: viewRate(settings.rate),
    groupConcurrency: settings.groupConcurrency,
    groupRate: viewRate(settings.groupRate),
  }
}

function viewRate(rate: Rate | null): RateView | null {
  return rate === null ? null : { limit: rate.limit, per: durationText(rate.perMs) }
}

export function viewJob(queue: string, job: JobInfo) {
  const { error } = job
  return {
    id: job.id,
    queue,
    state: job.state,
    data: job.data,
    priority: job.priority,
    group: job.group,
    parent: job.parent,
    waitsFor: job.waitsFor,
    failures: job.failures,
    crashes: job.crashes,
    progress: job.progress ?? null,
    value: job.value ?? null,
    error: error === null ? null : { ...error, at: error.at === 0 ? null : new Date(error.at).toISOString() },
    reason: job.reason,
    worker: job.worker,
    addedAt: job.addedAt.toISOString(),
    runAt: time(job.runAt),
    startedAt: time(job.startedAt),
    finishedAt: time(job.finishedAt),
    firstFailedAt: time(job.firstFailedAt),
    lastFailedAt: time(job.lastFailedAt),
  }
}

function time(date: Date | null): string | null {
  return date === null ? null : date.toISOString()
}

/** What a worker says of itself may have been written by anything. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
