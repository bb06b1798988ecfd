import { durationMs } from '../duration.ts'
import type { Duration } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { assertKnown, namesOf } from '../options.ts'

/** How long to wait before the next attempt. */
export interface Backoff {
  /** `fixed`: always `delay`; `exponential` (default): `delay * factor ^ (failures - 1)`. */
  readonly kind?: 'fixed' | 'exponential'
  /** Default 1 s. */
  readonly delay?: Duration
  /** Default 2. */
  readonly factor?: number
  /** The longest wait. Default 1 h. */
  readonly max?: Duration
  /** Share of the wait that is drawn by lot, 0 to 1: with 0.2 (default) a wait of 10 s becomes 8 to 12 s. */
  readonly jitter?: number
}

/** {@link Backoff} with every field known, in ms. This is how it is stored with a job. */
export interface BackoffPlan {
  readonly kind: 'fixed' | 'exponential'
  readonly delay: number
  readonly factor: number
  readonly max: number
  readonly jitter: number
}

/** Attempts of a job in all, unless it says otherwise. Crashes of a worker do not count. */
export const DEFAULT_ATTEMPTS = 3
export const DEFAULT_BACKOFF: BackoffPlan = { kind: 'exponential', delay: 1000, factor: 2, max: 3_600_000, jitter: 0.2 }

const KNOWN = namesOf<Backoff>({ kind: true, delay: true, factor: true, max: true, jitter: true })

/** @throws PandaError invalid_option */
export function planBackoff(backoff: Backoff): BackoffPlan {
  assertKnown(backoff, KNOWN, 'backoff')
  const plan: BackoffPlan = {
    kind: backoff.kind ?? DEFAULT_BACKOFF.kind,
    delay: backoff.delay === undefined ? DEFAULT_BACKOFF.delay : durationMs(backoff.delay, 'backoff.delay'),
    factor: backoff.factor ?? DEFAULT_BACKOFF.factor,
    max: backoff.max === undefined ? DEFAULT_BACKOFF.max : durationMs(backoff.max, 'backoff.max'),
    jitter: backoff.jitter ?? DEFAULT_BACKOFF.jitter,
  }
  if (plan.kind !== 'fixed' && plan.kind !== 'exponential') refuse('backoff.kind must be fixed or exponential')
  if (!(plan.factor >= 1)) refuse('backoff.factor must be a number from 1 on')
  if (!(plan.jitter >= 0 && plan.jitter <= 1)) refuse('backoff.jitter must be a number from 0 to 1')
  return plan
}

/**
 * @param failures how many attempts have failed, 1 or more
 * @param random from [0, 1)
 * @returns ms
 */
export function backoffMs(plan: BackoffPlan, failures: number, random: number): number {
  const wait = plan.kind === 'fixed' ? plan.delay : plan.delay * plan.factor ** (failures - 1)
  const bounded = Math.min(wait, plan.max)
  return Math.round(bounded * (1 + plan.jitter * (2 * random - 1)))
}

/** @throws PandaError invalid_option */
export function checkAttempts(attempts: number): number {
  if (!Number.isInteger(attempts) || attempts < 1) refuse('attempts must be a whole number from 1 on')
  return attempts
}

function refuse(message: string): never {
  throw new PandaError('invalid_option', message)
}
