import type { Exchange, Exchanged, KeepPolicy } from '../../queue/driver.ts'
import { claim, claimableAgainInMs, hasClaimable } from './claim.ts'
import { liveWorker } from './leases.ts'
import { recordResults } from './results.ts'
import { release } from './running.ts'
import type { MemoryStore, QueueData, Worker } from './store.ts'
import { moveDue } from './waiting.ts'

export function exchange(store: MemoryStore, queue: QueueData, workerId: string, request: Exchange): Exchanged {
  const worker = liveWorker(store, queue, workerId)
  if (worker === undefined) {
    const refused = request.results.map((result) => result.job.id)
    return { jobs: [], refused, againInMs: null, leased: false }
  }
  const { refused, madeRoom } = recordResults(store, queue, worker, request.results, request.keep)
  const released = request.holds === undefined ? 0 : releaseOthers(store, queue, worker, request.holds, request.keep)
  moveDue(store, queue)
  const jobs = request.want > 0 ? claim(store, queue, worker, request.want) : []
  if ((madeRoom || released > 0) && hasClaimable(store, queue))
    store.listeners.emit({ kind: 'work', queue: queue.name })
  return { jobs, refused, againInMs: claimableAgainInMs(store, queue), leased: true }
}

/** What was claimed in an answer that never arrived. */
function releaseOthers(
  store: MemoryStore,
  queue: QueueData,
  worker: Worker,
  holds: readonly string[],
  keep: KeepPolicy,
): number {
  const held = new Set(holds)
  const others = [...worker.running.values()].filter((job) => !held.has(job.id))
  for (const job of others.toReversed()) release(store, queue, worker, job, keep)
  return others.length
}
