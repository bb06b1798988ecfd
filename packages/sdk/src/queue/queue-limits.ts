import { durationMs } from '../duration.ts'
import type { Duration } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { assertKnown, namesOf } from '../options.ts'
import type { QueueSettings, Rate } from './driver.ts'
import { whole } from './handler.ts'

/** Limits for all workers of a queue together. `null` = no limit; what is left out stays as it is. They count claims. */
export interface QueueLimits {
  readonly concurrency?: number | null
  /** So many jobs are begun per time, e.g. `{ limit: 10, per: '1s' }`. */
  readonly rate?: RateLimit | null
  /** Running jobs per group. Default 1. */
  readonly groupConcurrency?: number
  readonly groupRate?: RateLimit | null
}
export interface RateLimit {
  readonly limit: number
  readonly per: Duration
}

const KNOWN = namesOf<QueueLimits>({ concurrency: true, rate: true, groupConcurrency: true, groupRate: true })
const RATE = namesOf<RateLimit>({ limit: true, per: true })

/** @throws PandaError invalid_option */
export function settingsOfLimits(limits: QueueLimits): Partial<QueueSettings> {
  assertKnown(limits, KNOWN, 'configure')
  const { concurrency, rate, groupConcurrency, groupRate } = limits
  return {
    ...(concurrency !== undefined && {
      concurrency: concurrency === null ? null : whole(concurrency, 'concurrency', 1),
    }),
    ...(rate !== undefined && { rate: rateOf(rate, 'rate') }),
    ...(groupConcurrency !== undefined && { groupConcurrency: whole(groupConcurrency, 'groupConcurrency', 1) }),
    ...(groupRate !== undefined && { groupRate: rateOf(groupRate, 'groupRate') }),
  }
}

function rateOf(rate: RateLimit | null, option: string): Rate | null {
  if (rate === null) return null
  assertKnown(rate, RATE, option)
  const perMs = durationMs(rate.per, `${option}.per`)
  if (perMs < 1) throw new PandaError('invalid_option', `${option}.per must be 1 ms or more`)
  return { limit: whole(rate.limit, `${option}.limit`, 1), perMs }
}
