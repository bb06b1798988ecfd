import type { EventEnvelope } from '../envelope.ts'

/** What tells an event from all others, for ever. */
export type EventKey = Pick<EventEnvelope, 'id' | 'source'>

/** Remembers which events a subscription has handled. */
export interface Once {
  /** Makes what it needs in its store. Called before the first event. @throws whatever the store says */
  prepare(): Promise<void>
  /**
   * Does the work unless it was done before; both are remembered together, as far as the store can.
   * @param work gets the transaction, undefined when the store has none
   * @returns `duplicate` when it was done before
   * @throws NotBegun when the store could not be asked, so that the work was not begun; else what the work threw
   */
  run(event: EventKey, work: (tx: unknown) => Promise<void>): Promise<'done' | 'duplicate'>
  /** Forgets what is older than its time. @returns how many */
  clean(): Promise<number>
}

/** The work was not begun: this says nothing about the event. */
export class NotBegun extends Error {
  override readonly name = 'NotBegun'

  constructor(cause: unknown) {
    super(
      `It could not be asked whether an event was handled: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    )
  }
}
