import type { AlertEvent, AppTrouble, Reason, RunState } from '@pandastack/contract'

/** A run or an app in a message, as it was when the message was made: later tries send the same. */
export type AlertItem = RunAlertItem | AppAlertItem

export interface RunAlertItem {
  readonly app?: never
  readonly event: Exclude<AlertEvent, AppTrouble>
  readonly run: string
  readonly cronjob: string
  readonly state: RunState
  readonly reason: Reason | null
  readonly message: string | null
  readonly exitCode: number | null
  readonly attempt: number
  readonly dueAt: string
  readonly startedAt: string | null
  readonly finishedAt: string | null
  /** Newest last; secrets were replaced when the lines were stored. */
  readonly lastLines: readonly string[]
}

/** What an app's event says; stored with it, since an instance goes on changing. */
export interface AppEventFacts {
  readonly app: string
  readonly revision: number
  /** Its id; null = the event is not about one of them. */
  readonly instance: string | null
  readonly reason: Reason | null
  readonly message: string | null
  readonly exitCode: number | null
  /** Of the instance. */
  readonly restarts: number
  readonly at: string
}

export interface AppAlertItem extends AppEventFacts {
  readonly cronjob?: never
  readonly event: AppTrouble | 'recovered'
  readonly lastLines: readonly string[]
}

/** The body of a webhook, and what every other channel is rendered from. */
export interface AlertPayload {
  readonly type: 'panda.alert' | 'panda.alert.test'
  readonly project: string
  readonly alert: string
  readonly at: string
  /** How many events the message stands for; `items` holds the newest {@link MAX_ITEMS}. */
  readonly count: number
  readonly items: readonly AlertItem[]
}

/** More than that in one message is not read by anybody. */
export const MAX_ITEMS = 10
/** Of each failed run. */
export const LAST_LINES = 10
export const MAX_LINE_LENGTH = 500
