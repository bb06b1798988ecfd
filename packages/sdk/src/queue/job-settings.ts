import { DEFAULT_ATTEMPTS, DEFAULT_BACKOFF } from './retry-policy.ts'
import type { BackoffPlan } from './retry-policy.ts'

/** What travels with a job for the code above the seam. Every field that is left out has its default. */
export interface JobSettings {
  /** Default 3. */
  readonly attempts?: number
  readonly backoff?: BackoffPlan
  /** Ms for one attempt. Default: none. */
  readonly timeout?: number
  /** A parent that runs although some of its children did not succeed. */
  readonly tolerant?: boolean
  /** Trace context of who added it (W3C). */
  readonly trace?: Readonly<Record<string, string>>
  /** The schedule that made it, and the time (ms since 1970) that it stands for. */
  readonly schedule?: { readonly key: string; readonly at: number }
}

export const NO_SETTINGS: JobSettings = Object.freeze({})

/** '' when all is default, so that a plain job carries no bytes for it. */
export function encodeSettings(settings: JobSettings): string {
  for (const _ in settings) return JSON.stringify(settings)
  return ''
}

let lastText = ''
let lastSettings: JobSettings = NO_SETTINGS

/** Jobs of one queue mostly carry the same text: the last one is remembered. */
export function decodeSettings(text: string): JobSettings {
  if (text === '') return NO_SETTINGS
  if (text === lastText) return lastSettings
  const settings = JSON.parse(text) as JobSettings
  lastText = text
  lastSettings = settings
  return settings
}

export function attemptsOf(settings: JobSettings): number {
  return settings.attempts ?? DEFAULT_ATTEMPTS
}

export function backoffOf(settings: JobSettings): BackoffPlan {
  return settings.backoff ?? DEFAULT_BACKOFF
}
