/**
 * The seam between events and a broker, in our own words; no type of a client library crosses it. Above it, written once:
 * payload schemas, retry policy, inbox, outbox, trace context, drain. Every implementation passes `driver-contract.ts`.
 *
 * Rules for all calls: errors are `PandaError`s; `store_away` means that the same call may succeed later. A call that
 * rejects may have been carried out (a lost answer): every call is safe to repeat, publishing included, since consumers
 * with an inbox tell events apart by their id.
 */
import type { SqlRunner } from '../queue/driver.ts'
import type { EventEnvelope } from './envelope.ts'

export interface EventDriver {
  readonly capabilities: EventCapabilities

  /** Connects and looks at version, rights and settings. @returns what could lose events, in sentences */
  check(signal?: AbortSignal): Promise<readonly BrokerProblem[]>

  /**
   * Resolves once the broker has made them durable for every subscription that matches, in this order per key. What nobody
   * is subscribed to is kept apart, and delivered when its first subscription appears.
   * @throws PandaError store_away after the driver's bounded wait
   */
  publish(events: readonly EventEnvelope[], signal?: AbortSignal): Promise<void>

  /** The same inside the caller's own transaction. Present when `capabilities.transactions`. */
  publishWithin?(transaction: SqlRunner, events: readonly EventEnvelope[]): Promise<void>

  /** What `apply` would change for this declaration; empty when all is as declared. */
  plan(subscription: SubscriptionSpec, signal?: AbortSignal): Promise<readonly TopologyChange[]>
  /** Makes it so, without losing or reordering what waits. Safe to repeat and to run in several processes at once. */
  apply(subscription: SubscriptionSpec, signal?: AbortSignal): Promise<readonly TopologyChange[]>
  /** Ends the subscription: what waits in it, and its dead letters, are dropped. @returns false when there was none */
  unsubscribe(name: string, signal?: AbortSignal): Promise<boolean>

  /**
   * Takes deliveries of a subscription that was applied, until closed. Copies of one subscription share its events. Survives
   * every outage by itself: deliveries that were taken and not settled come again, here or elsewhere.
   */
  consume(subscription: string, options: ConsumeOptions, onDelivery: (delivery: Delivery) => void): Promise<Consumer>

  subscriptions(signal?: AbortSignal): Promise<readonly string[]>
  stats(subscription: string, signal?: AbortSignal): Promise<SubscriptionStats>
  /** For all consumers in all processes, from now on, also across restarts. */
  pause(subscription: string, paused: boolean, signal?: AbortSignal): Promise<void>

  deadLetters(subscription: string, query: DeadLetterQuery, signal?: AbortSignal): Promise<DeadLetterPage>
  /** Redrive: delivered again to this subscription alone, attempts at 0, `data` replaced when given. */
  changeDeadLetters(
    subscription: string,
    ids: readonly string[],
    change: DeadLetterChange,
    signal?: AbortSignal,
  ): Promise<readonly ('done' | 'not-found')[]>

  /** How many events wait because nobody is subscribed to their type, and for how long. */
  unrouted(signal?: AbortSignal): Promise<UnroutedStats>

  /** The event log, oldest first. Present when `capabilities.log`. */
  readLog?(query: LogQuery, signal?: AbortSignal): AsyncIterable<LoggedEvent>
  /** Delivers events of the log that match its patterns to this subscription alone. @returns how many */
  replay?(subscription: string, from: LogPosition, signal?: AbortSignal): Promise<number>

  close(): Promise<void>
}

export interface EventCapabilities {
  readonly name: 'rabbitmq' | 'postgres' | 'redis' | 'memory'
  readonly transactions: boolean
  /** Other processes see the same events. */
  readonly shared: boolean
  readonly strictOrder: boolean
  /** An event log for `readLog` and `replay`. */
  readonly log: boolean
}

export interface BrokerProblem {
  readonly setting: string
  /** What it is, what can be lost by it, what to do. */
  readonly message: string
}

export interface SubscriptionSpec {
  /** The consumer group: 1 to 100 characters a-z, 0-9, `.`, `_`, `-`. */
  readonly name: string
  /** Event types; `*` stands for one word, `#` for any number of words. */
  readonly patterns: readonly string[]
  /** `strict`: one event of a key (or, without keys, one event) at a time and in order, in one process at a time. */
  readonly order: 'none' | 'strict'
}

export interface TopologyChange {
  readonly action: 'create' | 'bind' | 'unbind' | 'migrate' | 'remove'
  /** What is changed, in a sentence. */
  readonly what: string
}

export interface ConsumeOptions {
  /** Deliveries taken ahead at most. */
  readonly prefetch: number
  /** Called when it could not consume (`false`, with the error) and when it can again (`true`). */
  readonly onHealth?: (consuming: boolean, error?: unknown) => void
}

export interface Consumer {
  /** Changes how much is taken ahead; 0 takes nothing more. */
  setPrefetch(prefetch: number): Promise<void>
  /** Stops taking; what is held can still be settled until `close`. */
  stop(): Promise<void>
  /** Hands back what is not settled, at once, as never taken. */
  close(): Promise<void>
}

export interface Delivery {
  /** Null when it could not be decoded; then `raw` is what came. */
  readonly event: EventEnvelope | null
  readonly raw: string
  /** 1 for the first. Counts calls of the handler that failed, not crashes and not hand-backs. */
  readonly attempt: number
  /** How often a consumer died with it. */
  readonly crashes: number
  /** Ms since 1970; null before the first failure. */
  readonly firstFailedAt: number | null
  /**
   * Resolves when the broker has recorded it. A settlement that comes too late (the delivery was given to another consumer)
   * is refused: false.
   */
  settle(outcome: Settlement): Promise<boolean>
}

export type Settlement =
  | { readonly kind: 'done' }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly error: string }
  | { readonly kind: 'dead'; readonly reason: EventDeadReason; readonly error: string }
  /** Handed back, as never taken. */
  | { readonly kind: 'released' }

/** `attempts`: failed as often as it may; `final`: its handler said that a retry is of no use; `payload`: cannot be decoded or does not fit its schema; `crashes`: its consumers died with it; `expired`: older than the subscription's limit. */
export type EventDeadReason = 'attempts' | 'final' | 'payload' | 'crashes' | 'expired'

export interface SubscriptionStats {
  readonly name: string
  readonly patterns: readonly string[]
  readonly order: 'none' | 'strict'
  readonly paused: boolean
  readonly waiting: number
  readonly taken: number
  /** Waits for a retry; null when the broker cannot tell by subscription. */
  readonly retrying: number | null
  readonly dead: number
  readonly consumers: number
  /** Age of the oldest event that waits, in ms; null when none waits. */
  readonly oldestMs: number | null
}

export interface DeadLetterQuery {
  readonly limit: number
  readonly cursor?: string
  readonly type?: string
  readonly reason?: EventDeadReason
}

export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[]
  readonly cursor: string | null
}

export interface DeadLetter {
  readonly id: string
  readonly event: EventEnvelope | null
  readonly raw: string
  readonly reason: EventDeadReason
  /** JSON text: name, message, stack. */
  readonly error: string | null
  readonly attempts: number
  readonly crashes: number
  readonly firstFailedAt: number | null
  readonly deadAt: number
}

export type DeadLetterChange = { readonly kind: 'redrive'; readonly data?: string } | { readonly kind: 'drop' }

export interface UnroutedStats {
  readonly count: number
  readonly types: Readonly<Record<string, number>>
  readonly oldestMs: number | null
}

export type LogPosition = { readonly time: number } | { readonly offset: number }
export interface LogQuery {
  readonly from: LogPosition
  readonly patterns: readonly string[]
  /** Goes on with new events as they come. */
  readonly follow: boolean
}
export interface LoggedEvent {
  readonly offset: number
  readonly event: EventEnvelope
}
