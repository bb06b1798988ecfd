import type { ClaimedJob } from '../../queue/driver.ts'
import { firstInRing, nextGroupOpensAt } from './groups.ts'
import { isRateOpen, opensAt } from './rate.ts'
import { startRun } from './running.ts'
import type { Job, MemoryStore, QueueData, Worker } from './store.ts'
import { nextDueAt } from './waiting.ts'

export function claim(store: MemoryStore, queue: QueueData, worker: Worker, want: number): ClaimedJob[] {
  const fence = String(store.next())
  const jobs: ClaimedJob[] = []
  while (jobs.length < want && isOpen(store, queue)) {
    const job = takeNext(store, queue)
    if (job === undefined) break
    jobs.push(startRun(store, queue, worker, job, fence))
  }
  return jobs
}

/** Whether a worker that asks now would get something. */
export function hasClaimable(store: MemoryStore, queue: QueueData): boolean {
  if (!isOpen(store, queue)) return false
  return queue.ungrouped.heads().length > 0 || firstInRing(store, queue) !== undefined
}

/** When asking again is worth it although no signal will come. */
export function claimableAgainInMs(store: MemoryStore, queue: QueueData): number | null {
  if (queue.settings.paused) return null
  const times = [nextDueAt(queue)]
  if (queue.counts.queued > 0) {
    const { rate } = queue.settings
    times.push(nextGroupOpensAt(queue))
    if (rate !== null && !isRateOpen(rate, queue.window, store.now())) times.push(opensAt(rate, queue.window))
  }
  return inMs(store, times)
}

export function inMs(store: MemoryStore, times: readonly (number | null)[]): number | null {
  const first = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY))
  return Number.isFinite(first) ? Math.max(0, first - store.now()) : null
}

function isOpen(store: MemoryStore, queue: QueueData): boolean {
  const { paused, concurrency, rate } = queue.settings
  if (paused || (concurrency !== null && queue.counts.running >= concurrency)) return false
  return isRateOpen(rate, queue.window, store.now())
}

/** Grouped and ungrouped jobs take turns while both wait. */
function takeNext(store: MemoryStore, queue: QueueData): Job | undefined {
  const ungroupedFirst = queue.turn === 'ungrouped'
  const first = ungroupedFirst ? queue.ungrouped.shift() : takeGrouped(store, queue)
  const job = first ?? (ungroupedFirst ? takeGrouped(store, queue) : queue.ungrouped.shift())
  if (job !== undefined) queue.turn = job.group === null ? 'grouped' : 'ungrouped'
  return job
}

/** The group goes to the end of the ring, behind the others (`startRun` puts it there again if it may have more). */
function takeGrouped(store: MemoryStore, queue: QueueData): Job | undefined {
  const group = firstInRing(store, queue)
  if (group === undefined) return undefined
  queue.ring.dropFirst()
  group.inRing = false
  return group.waiting.shift()
}
