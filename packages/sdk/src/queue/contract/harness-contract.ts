import type { QueueDriver } from '../driver.ts'

/** What an implementation gives to the suite: one per suite run, on a store, prefix or schema that nobody else uses. */
export interface QueueHarness {
  /** Another driver on the same jobs, as a second process would have it. The suite closes what it opens. */
  open(): Promise<QueueDriver>
  /** Lets time pass on the store's clock: a memory store's clock is set, a real one is waited for. */
  advance(ms: number): Promise<void>
  /** Removes what is left; all drivers are closed by then. */
  dispose(): Promise<void>
}

export interface QueueContext {
  readonly driver: QueueDriver
  /** The same store as another process sees it. */
  readonly other: QueueDriver
  /** A queue that only this test uses. */
  readonly queue: string
  /** More of them. */
  queueNamed(suffix: string): string
  advance(ms: number): Promise<void>
  /** One more driver; closed after the test. */
  open(): Promise<QueueDriver>
}

export type QueueTests = Readonly<Record<string, (context: QueueContext) => Promise<void>>>

let queues = 0

export function contextOf(
  harness: QueueHarness,
  drivers: readonly [QueueDriver, QueueDriver],
  opened: QueueDriver[],
): QueueContext {
  queues += 1
  const queue = `q${queues}`
  return {
    driver: drivers[0],
    other: drivers[1],
    queue,
    queueNamed: (suffix) => `${queue}-${suffix}`,
    advance: (ms) => harness.advance(ms),
    open: async () => {
      const driver = await harness.open()
      opened.push(driver)
      return driver
    },
  }
}
