import type { ClaimedJob, KeepPolicy } from '../../queue/driver.ts'
import { MAX_CRASHES } from '../../queue/states.ts'
import { end } from './ending.ts'
import { enterRing, groupOf, leaveIfIdle } from './groups.ts'
import { countClaim } from './rate.ts'
import type { Job, MemoryStore, QueueData, Worker } from './store.ts'
import { enqueue, moveTo, takeOut } from './waiting.ts'

/** Gives a job that was taken from its lane to the worker. */
export function startRun(store: MemoryStore, queue: QueueData, worker: Worker, job: Job, fence: string): ClaimedJob {
  takeOut(store, queue, job)
  moveTo(queue, job, 'running')
  job.worker = worker.info.id
  job.fence = fence
  job.startedAt = store.now()
  worker.running.set(job.id, job)
  countClaim(queue.settings.rate, queue.window, store.now())
  if (job.group !== null) {
    const group = groupOf(queue, job.group)
    group.running += 1
    countClaim(queue.settings.groupRate, group.window, store.now())
    enterRing(store, queue, group)
  }
  const { id, body, settings, priority, group, parent, failures, crashes, addedAt } = job
  return { id, body, settings, priority, group, parent, fence, failures, crashes, addedAt }
}

/**
 * Takes the job from its worker; what becomes of it is up to the caller.
 * @returns true when that made room for others that may wait for it
 */
export function stopRun(store: MemoryStore, queue: QueueData, worker: Worker, job: Job): boolean {
  const wasFull = queue.settings.concurrency !== null && queue.counts.running >= queue.settings.concurrency
  worker.running.delete(job.id)
  job.worker = null
  job.fence = null
  if (job.group === null) return wasFull
  const group = groupOf(queue, job.group)
  const groupWasFull = group.running >= queue.settings.groupConcurrency && group.waitingCount > 0
  group.running -= 1
  enterRing(store, queue, group)
  leaveIfIdle(store, queue, group)
  return wasFull || groupWasFull
}

/** Back to the front, as if never claimed. */
export function release(store: MemoryStore, queue: QueueData, worker: Worker, job: Job, keep: KeepPolicy): void {
  stopRun(store, queue, worker, job)
  job.startedAt = null
  if (job.cancelReason === null) goBack(store, queue, job)
  else end(store, queue, job, { state: 'cancelled', reason: job.cancelReason, keep: keep.cancelled })
}

export function crash(
  store: MemoryStore,
  queue: QueueData,
  worker: Worker,
  job: Job,
  keep: KeepPolicy,
): 'recovered' | 'dead' {
  stopRun(store, queue, worker, job)
  job.crashes += 1
  queue.totals.crashed += 1
  if (job.cancelReason !== null) {
    end(store, queue, job, { state: 'cancelled', reason: job.cancelReason, keep: keep.cancelled })
    return 'recovered'
  }
  if (job.crashes >= MAX_CRASHES) {
    end(store, queue, job, { state: 'dead', reason: 'crashes', keep: keep.dead })
    return 'dead'
  }
  goBack(store, queue, job)
  return 'recovered'
}

function goBack(store: MemoryStore, queue: QueueData, job: Job): void {
  moveTo(queue, job, 'queued')
  enqueue(store, queue, job, 'front')
}
