import type { Change, ChangeOutcome } from '../../queue/driver.ts'
import { isFinalJobState } from '../../queue/states.ts'
import { end, forget, tellParent } from './ending.ts'
import type { Job, MemoryStore, QueueData } from './store.ts'
import { enqueue, moveTo, takeOut } from './waiting.ts'

export function change(store: MemoryStore, queue: QueueData, ids: readonly string[], wanted: Change): ChangeOutcome[] {
  const told: string[] = []
  const queuedBefore = queue.counts.queued
  const outcomes = ids.map((id) => {
    const job = queue.jobs.get(id)
    if (job === undefined) return 'not-found'
    const outcome = changeOne(store, queue, job, wanted)
    if (outcome === 'requested') told.push(id)
    return outcome
  })
  if (told.length > 0) store.listeners.emit({ kind: 'cancel', queue: queue.name, ids: told })
  if (queue.counts.queued > queuedBefore) store.listeners.emit({ kind: 'work', queue: queue.name })
  return outcomes
}

function changeOne(store: MemoryStore, queue: QueueData, job: Job, wanted: Change): ChangeOutcome {
  switch (wanted.kind) {
    case 'cancel':
      return cancel(store, queue, job, wanted)
    case 'retry':
      return retry(store, queue, job, wanted.body)
    case 'promote':
      return promote(store, queue, job)
    case 'edit':
      return edit(store, queue, job, wanted)
    case 'remove':
      return remove(store, queue, job)
  }
}

function cancel(store: MemoryStore, queue: QueueData, job: Job, wanted: Change & { kind: 'cancel' }): ChangeOutcome {
  if (job.state === 'running') {
    job.cancelReason ??= wanted.reason
    return 'requested'
  }
  if (isFinalJobState(job.state)) return 'wrong-state'
  takeOut(store, queue, job)
  end(store, queue, job, { state: 'cancelled', reason: wanted.reason, keep: wanted.keep })
  return 'done'
}

function retry(store: MemoryStore, queue: QueueData, job: Job, body: string | undefined): ChangeOutcome {
  if (!isFinalJobState(job.state)) return 'wrong-state'
  queue.finished[job.state].delete(job.id)
  const fresh = { failures: 0, crashes: 0, progress: null, value: null, error: null, reason: null, waitsFor: 0 }
  const times = { startedAt: null, finishedAt: null, firstFailedAt: null, lastFailedAt: null }
  Object.assign(job, fresh, times, { cancelReason: null, body: body ?? job.body })
  moveTo(queue, job, 'queued')
  enqueue(store, queue, job, 'end')
  return 'done'
}

function promote(store: MemoryStore, queue: QueueData, job: Job): ChangeOutcome {
  if ((job.state !== 'scheduled' && job.state !== 'retrying') || job.waitsFor > 0) return 'wrong-state'
  takeOut(store, queue, job)
  moveTo(queue, job, 'queued')
  enqueue(store, queue, job, 'end')
  return 'done'
}

function edit(store: MemoryStore, queue: QueueData, job: Job, wanted: Change & { kind: 'edit' }): ChangeOutcome {
  if (job.state === 'running') return 'wrong-state'
  job.body = wanted.body ?? job.body
  if (wanted.priority === undefined || wanted.priority === job.priority) return 'done'
  const waits = job.state === 'queued'
  if (waits) takeOut(store, queue, job)
  job.priority = wanted.priority
  if (waits) enqueue(store, queue, job, 'end')
  return 'done'
}

function remove(store: MemoryStore, queue: QueueData, job: Job): ChangeOutcome {
  if (job.state === 'running') return 'wrong-state'
  takeOut(store, queue, job)
  if (!isFinalJobState(job.state)) {
    tellParent(store, queue, job, 'cancelled')
    if (queue.watched.has(job.id)) tellRemoved(store, queue, job)
  }
  forget(queue, job)
  return 'done'
}

/** Who waits for its end would do so for ever. */
function tellRemoved(store: MemoryStore, queue: QueueData, { id }: Job): void {
  const nothing = { value: null, error: null }
  store.listeners.emit({ kind: 'finished', queue: queue.name, id, state: 'cancelled', reason: 'removed', ...nothing })
}
