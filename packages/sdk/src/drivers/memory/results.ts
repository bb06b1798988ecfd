import type { JobResult, KeepPolicy } from '../../queue/driver.ts'
import { end } from './ending.ts'
import { release, stopRun } from './running.ts'
import type { Job, MemoryStore, QueueData, Worker } from './store.ts'
import { moveTo, waitUntil } from './waiting.ts'

export interface Recorded {
  readonly refused: readonly string[]
  /** Something else may be claimable now that was not before. */
  readonly madeRoom: boolean
}

export function recordResults(
  store: MemoryStore,
  queue: QueueData,
  worker: Worker,
  results: readonly JobResult[],
  keep: KeepPolicy,
): Recorded {
  const refused: string[] = []
  const released: Job[] = []
  let madeRoom = false
  for (const result of results) {
    const job = worker.running.get(result.job.id)
    if (job === undefined || job.fence !== result.job.fence || released.includes(job)) refused.push(result.job.id)
    else if (result.kind === 'released') released.push(job)
    else {
      madeRoom = stopRun(store, queue, worker, job) || madeRoom
      record(store, queue, job, result, keep)
    }
  }
  // Each goes to the very front, so the last one first keeps their order.
  for (const job of released.toReversed()) release(store, queue, worker, job, keep)
  return { refused, madeRoom: madeRoom || released.length > 0 }
}

function record(
  store: MemoryStore,
  queue: QueueData,
  job: Job,
  result: Exclude<JobResult, { kind: 'released' }>,
  keep: KeepPolicy,
): void {
  switch (result.kind) {
    case 'succeeded':
      end(store, queue, job, { state: 'succeeded', value: result.value, keep: keep.succeeded })
      return
    case 'cancelled':
      end(store, queue, job, { state: 'cancelled', reason: result.reason, keep: keep.cancelled })
      return
    case 'dead':
      noteFailure(store, queue, job, result.error)
      end(store, queue, job, { state: 'dead', reason: result.reason, keep: keep.dead })
      return
    case 'retry':
      noteFailure(store, queue, job, result.error)
      if (job.cancelReason !== null) {
        end(store, queue, job, { state: 'cancelled', reason: job.cancelReason, keep: keep.cancelled })
        return
      }
      moveTo(queue, job, 'retrying')
      waitUntil(store, queue, job, store.now() + result.delayMs)
  }
}

function noteFailure(store: MemoryStore, queue: QueueData, job: Job, error: string): void {
  const now = store.now()
  job.error = error
  job.failures += 1
  job.firstFailedAt ??= now
  job.lastFailedAt = now
  queue.totals.failed += 1
}
