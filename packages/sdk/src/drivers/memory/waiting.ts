import type { JobState } from '../../queue/states.ts'
import { JOB_TRANSITIONS } from '../../queue/states.ts'
import { enterRing, groupOf, leaveIfIdle } from './groups.ts'
import type { Job, MemoryStore, QueueData } from './store.ts'
import { holdsPlace } from './store.ts'

/** The only place that changes the state of a job. */
export function moveTo(queue: QueueData, job: Job, state: JobState): void {
  if (!JOB_TRANSITIONS[job.state].includes(state))
    throw new Error(`job ${job.id}: no way from ${job.state} to ${state}`)
  queue.counts[job.state] -= 1
  queue.counts[state] += 1
  job.state = state
}

/** Puts a job that is `queued` into its lane: at the end, or before all others of its priority. */
export function enqueue(store: MemoryStore, queue: QueueData, job: Job, where: 'end' | 'front'): void {
  job.runAt = null
  job.worker = null
  job.place = where === 'end' ? store.next() : -store.next()
  if (where === 'end') job.queuedAt = store.now()
  const place = { item: job, at: job.place }
  const group = job.group === null ? null : groupOf(queue, job.group)
  const lanes = group === null ? queue.ungrouped : group.waiting
  if (where === 'end') lanes.push(job.priority, place)
  else lanes.unshift(job.priority, place)
  if (group === null) return
  group.waitingCount += 1
  enterRing(store, queue, group)
}

/** Takes a job out of where it waits, if it does. */
export function takeOut(store: MemoryStore, queue: QueueData, job: Job): void {
  job.place = 0
  if (job.state !== 'queued' || job.group === null) return
  const group = groupOf(queue, job.group)
  group.waitingCount -= 1
  leaveIfIdle(store, queue, group)
}

/** Lets a job that is `scheduled` or `retrying` wait for its time. */
export function waitUntil(store: MemoryStore, queue: QueueData, job: Job, runAt: number): void {
  job.runAt = runAt
  job.place = store.next()
  queue.due.push(runAt, { item: job, at: job.place })
}

/** When the first job falls due. */
export function nextDueAt(queue: QueueData): number | null {
  for (let first = queue.due.first(); first !== undefined; first = queue.due.first()) {
    if (holdsPlace(first.item)) return first.at
    queue.due.dropFirst()
  }
  return null
}

/** @returns how many fell due */
export function moveDue(store: MemoryStore, queue: QueueData): number {
  let moved = 0
  const now = store.now()
  for (let at = nextDueAt(queue); at !== null && at <= now; at = nextDueAt(queue)) {
    const job = queue.due.first()?.item.item
    if (job === undefined) break
    queue.due.dropFirst()
    moveTo(queue, job, 'queued')
    enqueue(store, queue, job, 'end')
    moved += 1
  }
  return moved
}
