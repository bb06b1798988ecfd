import { durationText } from '../duration.ts'
import { decodeError } from '../queue/stored-error.ts'
import type { DeadLetter, EventDeadReason, SubscriptionStats } from './driver.ts'
import type { EventEnvelope } from './envelope.ts'

/** An event as the API and the CLI show it: plain JSON, times in RFC 3339. */
export interface EventView {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly time: string
  readonly key: string | null
  readonly dataVersion: number | null
  /** The payload; its text when it is no JSON. */
  readonly data: unknown
  readonly traceparent: string | null
}
/** An event in the broker's log. Offsets grow with time; they are not without gaps. */
export interface LoggedEventView extends EventView {
  readonly offset: number
}

export interface SubscriptionView {
  readonly name: string
  readonly patterns: string[]
  readonly order: 'none' | 'strict'
  readonly paused: boolean
  readonly waiting: number
  readonly taken: number
  /** Null when the broker cannot tell. */
  readonly retrying: number | null
  readonly dead: number
  readonly consumers: number
  /** How long the oldest event has waited, e.g. `2h5m`; null when none waits or the broker cannot tell. */
  readonly oldest: string | null
}

export interface DeadLetterView {
  readonly id: string
  readonly subscription: string
  /** Null when it could not be decoded; then `raw` is what came. */
  readonly event: EventView | null
  readonly raw: string | null
  readonly reason: EventDeadReason
  readonly error: { readonly name: string; readonly message: string; readonly stack: string | null } | null
  readonly attempts: number
  readonly crashes: number
  readonly firstFailedAt: string | null
  readonly deadAt: string
}

/** What is known of an event type. */
export interface EventTypeView {
  readonly type: string
  /** In the part of the log that was looked at; null when the broker keeps no log. */
  readonly events: number | null
  readonly lastAt: string | null
  readonly dataVersions: number[]
  readonly sources: string[]
  /** Whose patterns match it. */
  readonly subscriptions: string[]
  /** Kept because nobody was subscribed when they were published. */
  readonly unrouted: number
}

export function viewEvent(event: EventEnvelope): EventView {
  const { id, type, source, time, key, dataVersion, traceparent } = event
  return { id, type, source, time, key, dataVersion, data: parse(event.data), traceparent }
}

export function viewSubscription({ oldestMs, patterns, ...stats }: SubscriptionStats): SubscriptionView {
  return { ...stats, patterns: [...patterns], oldest: oldestMs === null ? null : durationText(oldestMs) }
}

export function viewDeadLetter(subscription: string, letter: DeadLetter): DeadLetterView {
  const { id, event, raw, reason, attempts, crashes, firstFailedAt, deadAt } = letter
  const error = decodeError(letter.error)
  return {
    id,
    subscription,
    event: event === null ? null : viewEvent(event),
    raw: event === null ? raw : null,
    reason,
    error: error === null ? null : { name: error.name, message: error.message, stack: error.stack },
    attempts,
    crashes,
    firstFailedAt: firstFailedAt === null ? null : new Date(firstFailedAt).toISOString(),
    deadAt: new Date(deadAt).toISOString(),
  }
}

/** A foreign program may have written anything. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
