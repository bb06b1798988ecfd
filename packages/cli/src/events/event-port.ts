import type {
  ChangeLetters,
  DeadLetterView,
  DeclareSubscription,
  EventDeadReason,
  EventTypeView,
  LoggedEventView,
  PublishedEvent,
  PublishEvent,
  SubscriptionView,
  TopologyChangeView,
} from '@pandastack/contract'
import type { Page } from '../output/show.ts'

export interface LogQuery {
  /** RFC 3339 or an offset. */
  readonly from: string
  readonly patterns: readonly string[]
  readonly follow: boolean
  readonly signal: AbortSignal
}

export interface LettersQuery {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly type?: string | undefined
  readonly reason?: EventDeadReason | undefined
}

export type LetterVerb = 'redrive' | 'drop'

/** What the commands on events need, whether they go through the server or straight to the broker. Failures are CliErrors. */
export interface EventPort {
  publish(event: PublishEvent): Promise<PublishedEvent>
  /** @param from RFC 3339 or an offset: how far back the log is read */
  types(from: string): Promise<Page<EventTypeView>>
  log(query: LogQuery): AsyncIterable<LoggedEventView>
  list(): Promise<Page<SubscriptionView>>
  get(subscription: string): Promise<SubscriptionView>
  pause(subscription: string, paused: boolean): Promise<SubscriptionView>
  delete(subscription: string): Promise<void>
  replay(subscription: string, from: string): Promise<{ events: number }>
  letters(subscription: string, query: LettersQuery): Promise<Page<DeadLetterView>>
  letter(subscription: string, id: string): Promise<DeadLetterView>
  change(subscription: string, verb: LetterVerb, letters: ChangeLetters): Promise<{ results: ('done' | 'not-found')[] }>
  plan(subscription: DeclareSubscription): Promise<{ changes: TopologyChangeView[] }>
  apply(subscription: DeclareSubscription): Promise<{ changes: TopologyChangeView[] }>
  close(): Promise<void>
}
