import type { Job, MemoryStore, QueueData } from './store.ts'
import { enqueue, takeOut } from './waiting.ts'

/** Puts what waits into other groups, in the order in which it waits. What runs just now keeps its group to its end. */
export function regroup(store: MemoryStore, queue: QueueData, groupOf: (body: string) => string | null): void {
  const jobs = [...queue.jobs.values()]
  const waiting = jobs.filter(({ state }) => state === 'queued').sort((a, b) => a.place - b.place)
  for (const job of waiting) takeOut(store, queue, job)
  for (const job of waiting) move(job, groupOf)
  for (const job of waiting) enqueue(store, queue, job, 'end')
  for (const job of jobs) if (job.state === 'retrying' || job.state === 'dead') move(job, groupOf)
  if (waiting.length > 0) store.listeners.emit({ kind: 'work', queue: queue.name })
}

function move(job: Job, groupOf: (body: string) => string | null): void {
  job.group = groupOf(job.body)
}
