import type { KeepPolicy, Renewed, WorkerInfo } from '../../queue/driver.ts'
import { crash, release } from './running.ts'
import type { Job, MemoryStore, QueueData, Worker } from './store.ts'

/** The worker, if it holds a lease that has not run out. */
export function liveWorker(store: MemoryStore, queue: QueueData, id: string): Worker | undefined {
  const worker = queue.workers.get(id)
  return worker !== undefined && worker.leaseEndsAt > store.now() ? worker : undefined
}

/** One that has run out, but whose jobs nobody has taken back, is prolonged. */
export function renew(store: MemoryStore, names: readonly string[], info: WorkerInfo, leaseMs: number): Renewed {
  const fresh: string[] = []
  const cancelled = new Map<string, readonly string[]>()
  for (const name of names) {
    const queue = store.queue(name)
    const worker = queue.workers.get(info.id) ?? { info, leaseEndsAt: 0, running: new Map<string, Job>() }
    if (!queue.workers.has(info.id)) fresh.push(name)
    worker.info = info
    worker.leaseEndsAt = store.now() + leaseMs
    queue.workers.set(info.id, worker)
    const ids = [...worker.running.values()].filter((job) => job.cancelReason !== null).map((job) => job.id)
    if (ids.length > 0) cancelled.set(name, ids)
  }
  return { fresh, cancelled }
}

export function leave(store: MemoryStore, queue: QueueData, id: string, keep: KeepPolicy): void {
  const worker = queue.workers.get(id)
  if (worker === undefined) return
  const jobs = [...worker.running.values()].toReversed()
  for (const job of jobs) release(store, queue, worker, job, keep)
  queue.workers.delete(id)
  if (jobs.length > 0) store.listeners.emit({ kind: 'work', queue: queue.name })
}

/** Takes back the jobs of all workers whose lease has run out. */
export function recoverAll(
  store: MemoryStore,
  queue: QueueData,
  keep: KeepPolicy,
): { recovered: number; dead: number } {
  let recovered = 0
  let dead = 0
  for (const worker of queue.workers.values()) {
    if (worker.leaseEndsAt > store.now()) continue
    const outcomes = recover(store, queue, worker, keep)
    recovered += outcomes.length
    dead += outcomes.filter((outcome) => outcome === 'dead').length
  }
  return { recovered, dead }
}

/** The last claimed one first: each goes to the very front. */
function recover(store: MemoryStore, queue: QueueData, worker: Worker, keep: KeepPolicy): ('recovered' | 'dead')[] {
  queue.workers.delete(worker.info.id)
  const outcomes = [...worker.running.values()].toReversed().map((job) => crash(store, queue, worker, job, keep))
  if (outcomes.length > 0) store.listeners.emit({ kind: 'work', queue: queue.name })
  return outcomes
}
