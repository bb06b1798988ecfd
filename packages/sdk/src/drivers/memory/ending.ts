import type { Kept } from '../../queue/driver.ts'
import type { FinalJobState } from '../../queue/states.ts'
import { FINAL_JOB_STATES } from '../../queue/states.ts'
import { isFinalJobState } from '../../queue/states.ts'
import type { Job, MemoryStore, QueueData } from './store.ts'
import { moveTo } from './waiting.ts'

/** How long a job that somebody watched is kept at least, so that who asks again after a lost signal finds it. */
const WATCHED_MS = 60_000

export interface Ending {
  readonly state: FinalJobState
  readonly value?: string | null
  readonly reason?: string | null
  readonly keep: Kept
}

/** Ends a job that stands nowhere any more: tells its parent and who watches it, then keeps it as long as it may be. */
export function end(store: MemoryStore, queue: QueueData, job: Job, ending: Ending): void {
  moveTo(queue, job, ending.state)
  job.place = 0
  job.runAt = null
  job.value = ending.value ?? null
  job.reason = ending.reason ?? null
  job.finishedAt = store.now()
  if (ending.state === 'succeeded') queue.totals.succeeded += 1
  if (ending.state === 'dead') queue.totals.dead += 1
  tellParent(store, queue, job, ending.state)
  const watched = queue.watched.delete(job.id)
  if (watched) {
    const { id, value, error, reason } = job
    store.listeners.emit({ kind: 'finished', queue: queue.name, id, state: ending.state, value, error, reason })
  }
  keep(queue, job, ending, watched ? job.finishedAt + WATCHED_MS : 0)
}

export function tellParent(store: MemoryStore, queue: QueueData, job: Job, state: FinalJobState): void {
  if (job.parent === null) return
  const id = String(store.next())
  const outcome = { queue: queue.name, childId: job.id, state, value: job.value }
  queue.relays.set(id, {
    kind: 'child-ended',
    id,
    parentQueue: job.parent.queue,
    parentId: job.parent.id,
    outcome,
  })
}

export function forget(queue: QueueData, job: Job): void {
  queue.jobs.delete(job.id)
  queue.watched.delete(job.id)
  queue.counts[job.state] -= 1
  if (isFinalJobState(job.state)) queue.finished[job.state].delete(job.id)
}

/** Removes what has outlived its age. */
export function expire(store: MemoryStore, queue: QueueData): void {
  const now = store.now()
  if (queue.nextExpiry > now) return
  queue.nextExpiry = Number.POSITIVE_INFINITY
  for (const state of FINAL_JOB_STATES) {
    for (const job of queue.finished[state].values()) {
      if (job.expiresAt <= now) forget(queue, job)
      else queue.nextExpiry = Math.min(queue.nextExpiry, job.expiresAt)
    }
  }
}

function keep(queue: QueueData, job: Job, ending: Ending, keptUntil: number): void {
  const finishedAt = job.finishedAt ?? 0
  job.keptUntil = keptUntil
  expireAt(queue, job, Math.max(finishedAt + ending.keep.ageMs, keptUntil))
  const list = queue.finished[ending.state]
  list.set(job.id, job)
  let excess = list.size - ending.keep.count
  for (const oldest of list.values()) {
    if (excess <= 0) return
    excess -= 1
    if (oldest.keptUntil <= finishedAt) forget(queue, oldest)
    else expireAt(queue, oldest, oldest.keptUntil)
  }
}

function expireAt(queue: QueueData, job: Job, at: number): void {
  job.expiresAt = at
  queue.nextExpiry = Math.min(queue.nextExpiry, at)
}
