import { bullQueue } from './bull-queue.ts'
import type { Subject } from './subject.ts'

/** `size` 1 adds one by one, `atOnce` is the worker's concurrency. */
export function bullSubject(url: string): Subject {
  const queue = bullQueue(url)
  return {
    name: 'bullmq',
    add: async (jobs, size, lanes) => {
      await (size === 1 ? queue.addOneByOne(lanes, jobs) : queue.addBulk(jobs))
    },
    work: async (concurrency, _lanes, jobs) => {
      await queue.work(concurrency, jobs)
      return jobs
    },
    close: async () => queue.close(),
  }
}
