import { PandaError } from '../errors.ts'
import type { Duration } from '../duration.ts'
import { durationMs } from '../duration.ts'
import type { ClaimedJob, JobResult } from './driver.ts'
import { FinalError } from './final-error.ts'
import { attemptsOf, backoffOf } from './job-settings.ts'
import { encodeJson } from './json.ts'
import { backoffMs } from './retry-policy.ts'
import type { Running, RunningJob } from './running-job.ts'
import { encodeError } from './stored-error.ts'

/** How long to wait before the next attempt of this job, decided by the worker; null = as the job says. */
export type BackoffFunction = (failures: number, error: unknown, job: RunningJob) => Duration | null

export interface OutcomeRules {
  readonly wall: () => number
  readonly random: () => number
  readonly backoff: BackoffFunction | null
  /** Bytes of JSON that a return value may have. */
  readonly valueLimit: number
}

/** The result of a handler that returned. A value that cannot be stored is a final failure: a retry would not mend it. */
export function succeeded(running: Running, value: unknown, rules: OutcomeRules): JobResult {
  const job = running.claim
  if (value === undefined) return { kind: 'succeeded', job, value: null }
  try {
    const text = encodeJson(value, `the return value of job ${job.id} of "${running.queue}"`, rules.valueLimit)
    return { kind: 'succeeded', job, value: text }
  } catch (error) {
    return { kind: 'dead', job, reason: 'final', error: encodeError(error, rules.wall()) }
  }
}

/** The result of a handler that threw: cancelled, dead, or tried again. */
export function failed(running: Running, thrown: unknown, rules: OutcomeRules): JobResult {
  const job = running.claim
  if (running.cancelReason !== null) return { kind: 'cancelled', job, reason: running.cancelReason }
  const error = encodeError(thrown, rules.wall())
  if (thrown instanceof FinalError) return { kind: 'dead', job, reason: 'final', error }
  const failures = job.failures + 1
  if (failures >= attemptsOf(running.settings)) return { kind: 'dead', job, reason: 'attempts', error }
  return { kind: 'retry', job, delayMs: waitMs(running, thrown, failures, rules), error }
}

export function unfit(job: ClaimedJob, thrown: unknown, rules: OutcomeRules): JobResult {
  return { kind: 'dead', job, reason: 'payload', error: encodeError(thrown, rules.wall()) }
}

function waitMs(running: Running, thrown: unknown, failures: number, rules: OutcomeRules): number {
  try {
    const own = rules.backoff?.(failures, thrown, running) ?? null
    if (own !== null) return durationMs(own, 'the backoff function')
  } catch (error) {
    process.emitWarning(
      `the backoff function failed for job ${running.id}, the job's own backoff is used: ${String(error)}`,
      'PandaWarning',
    )
  }
  return backoffMs(backoffOf(running.settings), failures, rules.random())
}

export function timeoutError(running: Running): PandaError {
  return new PandaError(
    'timed_out',
    `Job ${running.id} of "${running.queue}" took longer than ${running.settings.timeout ?? 0} ms`,
  )
}

export function cancelError(running: Running): PandaError {
  return new PandaError('job_cancelled', `Job ${running.id} of "${running.queue}" was cancelled`)
}

export function lostError(running: Running): PandaError {
  return new PandaError('lease_lost', `Job ${running.id} of "${running.queue}" is no longer this worker's`)
}

export function graceError(running: Running): PandaError {
  return new PandaError(
    'closed',
    `The grace of the close is over: job ${running.id} of "${running.queue}" was handed back`,
  )
}
