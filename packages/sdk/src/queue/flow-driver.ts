/**
 * The part of the seam for jobs that wait for other jobs, which may lie in other queues of the same store. No store call
 * spans two queues (in a Redis cluster they are on different machines), so what one queue has to tell another is first
 * kept in its own relay list, then carried over by whoever comes first, then crossed off: at least once, and each message
 * is safe to repeat.
 */
import type { ChildLink, JobRecord, KeepPolicy } from './driver.ts'

export type RelayMessage =
  /** A child of a job of this queue that has yet to be added. */
  | { readonly kind: 'add'; readonly id: string; readonly child: ChildLink }
  /** A job of this queue has ended: its parent waits for that. */
  | {
      readonly kind: 'child-ended'
      readonly id: string
      readonly parentQueue: string
      readonly parentId: string
      readonly outcome: ChildOutcome
    }

export interface ChildOutcome {
  readonly queue: string
  readonly childId: string
  readonly state: 'succeeded' | 'cancelled' | 'dead'
  /** JSON text. */
  readonly value: string | null
}

export interface FlowDriver {
  /** Messages that are due for being carried over, oldest first. */
  relays(queue: string, limit: number): Promise<readonly RelayMessage[]>
  relayed(queue: string, ids: readonly string[]): Promise<void>
  /**
   * Tells the parent. With its last child it is queued. A child that did not succeed makes its parent `dead` (reason
   * `child`), unless `tolerant`, which is recorded with the parent's settings by the caller.
   * @param keep of a parent that dies by it
   */
  childEnded(
    parentQueue: string,
    parentId: string,
    outcome: ChildOutcome,
    tolerant: boolean,
    keep?: KeepPolicy,
  ): Promise<void>
  /** What the children of this job came to, in the order in which they ended. */
  children(queue: string, id: string): Promise<readonly ChildOutcome[]>
  /** The parent, to learn whether it is tolerant. */
  get(queue: string, ids: readonly string[]): Promise<readonly (JobRecord | null)[]>
}
