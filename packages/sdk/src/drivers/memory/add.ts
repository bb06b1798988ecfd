import type { Added, NewJob } from '../../queue/driver.ts'
import type { Job, MemoryStore, QueueData } from './store.ts'
import { enqueue, nextDueAt, waitUntil } from './waiting.ts'

export function add(store: MemoryStore, queue: QueueData, jobs: readonly NewJob[]): Added[] {
  const dueBefore = nextDueAt(queue) ?? Number.POSITIVE_INFINITY
  const queuedBefore = queue.counts.queued
  const added = jobs.map((job) => addOne(store, queue, job))
  const dueEarlier = (nextDueAt(queue) ?? Number.POSITIVE_INFINITY) < dueBefore
  // Idle workers know when the first job falls due; they have to hear of one that is due earlier.
  if (queue.counts.queued > queuedBefore || dueEarlier) store.listeners.emit({ kind: 'work', queue: queue.name })
  return added
}

function addOne(store: MemoryStore, queue: QueueData, job: NewJob): Added {
  if (queue.jobs.has(job.id)) return { id: job.id, deduplicated: false }
  if (job.key !== null) {
    const holder = queue.keys.get(job.key.value)
    const now = store.now()
    // Its own id: the call is repeated, and the job may have ended and be forgotten already.
    if (holder !== undefined && holder.endsAt > now) return { id: holder.id, deduplicated: holder.id !== job.id }
    queue.keys.set(job.key.value, { id: job.id, endsAt: now + job.key.ttlMs })
    queue.keyEnds.push(now + job.key.ttlMs, job.key.value)
  }
  insert(store, queue, job)
  return { id: job.id, deduplicated: false }
}

function insert(store: MemoryStore, queue: QueueData, job: NewJob): void {
  const now = store.now()
  const runAt = job.runAt ?? now + job.delayMs
  const isDue = runAt <= now && job.children.length === 0
  const stored = newJob(job, now)
  stored.state = isDue ? 'queued' : 'scheduled'
  queue.jobs.set(job.id, stored)
  queue.counts[stored.state] += 1
  queue.totals.added += 1
  for (const child of job.children) {
    const id = String(store.next())
    queue.relays.set(id, { kind: 'add', id, child })
  }
  if (isDue) enqueue(store, queue, stored, 'end')
  else if (job.children.length === 0) waitUntil(store, queue, stored, runAt)
  else if (runAt > now) stored.runAt = runAt
}

function newJob(job: NewJob, now: number): Job {
  return {
    id: job.id,
    state: 'queued',
    body: job.body,
    settings: job.settings,
    priority: job.priority,
    group: job.group,
    parent: job.parent,
    failures: 0,
    crashes: 0,
    progress: null,
    value: null,
    error: null,
    reason: null,
    worker: null,
    addedAt: now,
    runAt: null,
    startedAt: null,
    finishedAt: null,
    firstFailedAt: null,
    lastFailedAt: null,
    waitsFor: job.children.length,
    place: 0,
    queuedAt: now,
    fence: null,
    cancelReason: null,
    lines: [],
    outcomes: [],
    expiresAt: Number.POSITIVE_INFINITY,
    keptUntil: 0,
  }
}
