import { durationMs } from '../duration.ts'
import type { Duration } from '../duration.ts'
import { PandaError } from '../errors.ts'
import { assertKnown, namesOf } from '../options.ts'
import type { IdempotencyKey, NewJob } from './driver.ts'
import type { JobSettings } from './job-settings.ts'
import { encodeSettings } from './job-settings.ts'
import { checkAttempts, planBackoff } from './retry-policy.ts'
import type { Backoff } from './retry-policy.ts'
import { ulid } from './ulid.ts'

/** How a job is run. May also be given for all jobs of a queue (`new Queue(name, { defaults })`). */
export interface RunOptions {
  /** Attempts in all, the first one included. Default 3. A crash of the worker is no attempt. */
  readonly attempts?: number
  /** Default: exponential from 1 s, factor 2, at most 1 h, jitter 0.2. */
  readonly backoff?: Backoff
  /** Longest time of one attempt; then its signal is aborted and it has failed. Default: none. */
  readonly timeout?: Duration
  /** -100 to 100, higher first. Default 0. */
  readonly priority?: number
}

export interface JobOptions extends RunOptions {
  /** Waits this long before it may run. */
  readonly delay?: Duration
  /** Waits until then: a Date, or ms since 1970. Not together with `delay`. */
  readonly runAt?: Date | number
  /** While this value is known, an add with it adds nothing and answers with the first job, `deduplicated` true. */
  readonly idempotencyKey?: string
  /** How long `idempotencyKey` is known, from the first add on. Default 24 h. */
  readonly idempotencyFor?: Duration
  /** Jobs with the same group run one after the other, in order (or as many at a time as `configure` says). */
  readonly group?: string
  /** Adds it inside this transaction (of pg, postgres.js, Kysely, Drizzle or Prisma): it exists when that commits. A
   * queue in Redis gets it by the outbox of that database, which `startOutbox` carries over. */
  readonly tx?: object
}

const KNOWN = namesOf<JobOptions>({
  attempts: true,
  backoff: true,
  timeout: true,
  priority: true,
  delay: true,
  runAt: true,
  idempotencyKey: true,
  idempotencyFor: true,
  group: true,
  tx: true,
})
const DAY_MS = 86_400_000
const MAX_NAME = 512

/** The settings that a queue's defaults and a job's own options make. @throws PandaError invalid_option */
export function settingsOf(options: RunOptions): JobSettings {
  const settings: { -readonly [K in keyof JobSettings]: JobSettings[K] } = {}
  if (options.attempts !== undefined) settings.attempts = checkAttempts(options.attempts)
  if (options.backoff !== undefined) settings.backoff = planBackoff(options.backoff)
  if (options.timeout !== undefined) settings.timeout = durationMs(options.timeout, 'timeout')
  return settings
}

/** A job without any option: the common case, kept short. */
export function plainJob(body: string, settings: string, priority: number): NewJob {
  return {
    id: ulid(),
    body,
    settings,
    priority,
    group: null,
    delayMs: 0,
    runAt: null,
    key: null,
    parent: null,
    children: [],
  }
}

/**
 * @param more settings that are not the user's (trace, schedule …)
 * @throws PandaError invalid_option
 */
export function newJob(body: string, defaults: RunOptions, options: JobOptions, more: JobSettings = {}): NewJob {
  assertKnown(options, KNOWN, 'a job')
  if (options.delay !== undefined && options.runAt !== undefined) {
    throw new PandaError('invalid_option', 'delay and runAt exclude each other')
  }
  return {
    id: ulid(),
    body,
    settings: encodeSettings({ ...settingsOf({ ...defaults, ...withoutUndefined(options) }), ...more }),
    priority: checkPriority(options.priority ?? defaults.priority ?? 0),
    group: options.group === undefined ? null : checkName(options.group, 'group'),
    delayMs: options.delay === undefined ? 0 : durationMs(options.delay, 'delay'),
    runAt: options.runAt === undefined ? null : checkTime(options.runAt),
    key: keyOf(options),
    parent: null,
    children: [],
  }
}

export function withoutUndefined(options: RunOptions): RunOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function keyOf(options: JobOptions): IdempotencyKey | null {
  if (options.idempotencyKey === undefined) return null
  const ttlMs = options.idempotencyFor === undefined ? DAY_MS : durationMs(options.idempotencyFor, 'idempotencyFor')
  return { value: checkName(options.idempotencyKey, 'idempotencyKey'), ttlMs }
}

/** @throws PandaError invalid_option */
export function checkPriority(priority: number): number {
  if (Number.isInteger(priority) && priority >= -100 && priority <= 100) return priority
  throw new PandaError('invalid_option', `priority must be a whole number from -100 to 100, not ${String(priority)}`)
}

/** @throws PandaError invalid_option */
export function checkName(value: string, option: string): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME && !value.includes('\0')) return value
  throw new PandaError('invalid_option', `${option} must be a text of 1 to ${MAX_NAME} characters without NUL`)
}

function checkTime(runAt: Date | number): number {
  const ms = typeof runAt === 'number' ? runAt : runAt.getTime()
  if (Number.isFinite(ms)) return Math.round(ms)
  throw new PandaError('invalid_option', 'runAt must be a valid Date, or ms since 1970')
}
