/**
 * What events need of a store beside its queues: which subscriptions there are, what nobody is subscribed to, and the log.
 * A subscription's deliveries are jobs of one queue of the same store (see delivery-queue.ts); everything that happens to
 * them afterwards is the queue engine's.
 */
import type {
  EventCapabilities,
  LoggedEvent,
  LogPosition,
  SubscriptionSpec,
  UnroutedStats,
} from '../../events/driver.ts'
import type { EventEnvelope } from '../../events/envelope.ts'

export interface EventCatalog {
  readonly capabilities: EventCapabilities

  /**
   * Writes the events into the log and a delivery for each subscription that matches, all or nothing, in this order. What no
   * subscription matches is kept as unrouted. An event that is in the log already is not published again.
   */
  publish(events: readonly EventEnvelope[], signal?: AbortSignal): Promise<void>
  /** The same inside the caller's transaction. Present when `capabilities.transactions`. */
  publishWithin?(transaction: object, events: readonly EventEnvelope[]): Promise<void>

  find(name: string, signal?: AbortSignal): Promise<SubscriptionSpec | null>
  /** The id of the job that `publish` makes of this event for this subscription. */
  deliveryId(eventId: string, subscription: string): string
  /** Sorted. */
  names(signal?: AbortSignal): Promise<readonly string[]>
  /**
   * Makes or changes the subscription, moves what waits into its new order, and delivers unrouted events that it matches, in
   * one step as publishers see it.
   */
  put(subscription: SubscriptionSpec, signal?: AbortSignal): Promise<void>
  /** Its queue is emptied by the caller. @returns false when there was none */
  remove(name: string, signal?: AbortSignal): Promise<boolean>

  unrouted(signal?: AbortSignal): Promise<UnroutedStats>
  /** Drops what is beyond the bounds of log and unrouted events, and delivers unrouted ones that got a subscription just now. */
  maintain(signal?: AbortSignal): Promise<void>

  logPage(from: LogPosition, limit: number, signal?: AbortSignal): Promise<LogPage>
  /** Told, in time, that the log has grown. @returns ends it */
  onLogged(listener: () => void): Promise<() => void>

  close(): Promise<void>
}

export interface LogPage {
  readonly events: readonly LoggedEvent[]
  /** No event with an offset up to this one will appear any more that is not there now: readers may go past it. */
  readonly final: number
  /** The largest offset that was given out by now. */
  readonly last: number
}

/** Events kept in the log at most; the oldest go first. */
export const LOG_EVENTS = 100_000
export const LOG_AGE_MS = 7 * 86_400_000
/** Events without a subscription kept at most; the oldest go first. */
export const UNROUTED_EVENTS = 50_000
