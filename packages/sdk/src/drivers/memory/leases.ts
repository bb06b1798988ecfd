import type { WorkerInfo } from '../../queue/driver.ts'
import { crash, release } from './running.ts'
import type { MemoryStore, QueueData, Worker } from './store.ts'

/** The worker, if it holds a lease; one whose lease has run out loses its jobs here. */
export function liveWorker(store: MemoryStore, queue: QueueData, id: string): Worker | undefined {
  const worker = queue.workers.get(id)
  if (worker === undefined || worker.leaseEndsAt > store.now()) return worker
  recover(store, queue, worker)
  return undefined
}

/** @returns ids of its running jobs whose cancellation was asked for */
export function renew(store: MemoryStore, queue: QueueData, info: WorkerInfo, leaseMs: number): string[] {
  const known = liveWorker(store, queue, info.id)
  const worker = known ?? { info, leaseEndsAt: 0, running: new Map() }
  worker.info = info
  worker.leaseEndsAt = store.now() + leaseMs
  queue.workers.set(info.id, worker)
  return [...worker.running.values()].filter((job) => job.cancelReason !== null).map((job) => job.id)
}

export function leave(store: MemoryStore, queue: QueueData, id: string): void {
  const worker = liveWorker(store, queue, id)
  if (worker === undefined) return
  const jobs = [...worker.running.values()].toReversed()
  for (const job of jobs) release(store, queue, worker, job, null)
  queue.workers.delete(id)
  if (jobs.length > 0) store.listeners.emit({ kind: 'work', queue: queue.name })
}

/** Takes back the jobs of all workers whose lease has run out. */
export function recoverAll(store: MemoryStore, queue: QueueData): { recovered: number; dead: number } {
  let recovered = 0
  let dead = 0
  for (const worker of queue.workers.values()) {
    if (worker.leaseEndsAt > store.now()) continue
    const outcomes = recover(store, queue, worker)
    recovered += outcomes.length
    dead += outcomes.filter((outcome) => outcome === 'dead').length
  }
  return { recovered, dead }
}

/** The last claimed one first: each goes to the very front. */
function recover(store: MemoryStore, queue: QueueData, worker: Worker): ('recovered' | 'dead')[] {
  queue.workers.delete(worker.info.id)
  const outcomes = [...worker.running.values()].toReversed().map((job) => crash(store, queue, worker, job))
  if (outcomes.length > 0) store.listeners.emit({ kind: 'work', queue: queue.name })
  return outcomes
}
