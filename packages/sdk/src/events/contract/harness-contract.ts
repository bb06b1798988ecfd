import type { SqlRunner } from '../../queue/driver.ts'
import type { EventDriver } from '../driver.ts'

/** What an implementation gives to the suite: one per suite run. */
export interface EventHarness {
  /** Events, subscriptions and dead letters of their own: one for each test. */
  store(): Promise<EventStore>
  /** Removes what is left; all stores are disposed of by then. */
  dispose(): Promise<void>
}

export interface EventStore {
  /** Another driver on the same events, as a second process would have it. The suite closes what it opens. */
  open(): Promise<EventDriver>
  /** Ms since 1970 by the store's clock. */
  now(): number
  /** Lets time pass on the store's clock: a memory store's clock is set, a real one is waited for. */
  advance(ms: number): Promise<void>
  /** Puts something that is no event where events of this type are, as a foreign program may do. */
  publishRaw(type: string, raw: string): Promise<void>
  /**
   * Takes from this driver all that its consumers hold, as a cut network or a pause of the process does: the process lives on
   * and finds out late. Resolves when the store has given it up.
   */
  lose(driver: EventDriver): Promise<void>
  /** A transaction of the caller's own. Present when the drivers have `capabilities.transactions`. */
  begin?(): Promise<EventTransaction>
  /** All drivers are closed by then. */
  dispose(): Promise<void>
}

export interface EventTransaction {
  readonly runner: SqlRunner
  commit(): Promise<void>
  rollback(): Promise<void>
}

export interface EventCase {
  readonly driver: EventDriver
  /** The same store as another process sees it. */
  readonly other: EventDriver
  readonly store: EventStore
  /** One more driver; closed after the test. */
  open(): Promise<EventDriver>
}

export type EventTests = Readonly<Record<string, (context: EventCase) => Promise<void>>>

/** Runs one test on a store of its own and closes all that it opened, whether it fails or not. */
export async function onStore(harness: EventHarness, test: (context: EventCase) => Promise<void>): Promise<void> {
  const store = await harness.store()
  const opened: EventDriver[] = []
  const open = async () => {
    const driver = await store.open()
    opened.push(driver)
    return driver
  }
  try {
    await test({ driver: await open(), other: await open(), store, open })
  } finally {
    await Promise.all(opened.map((driver) => driver.close()))
    await store.dispose()
  }
}
