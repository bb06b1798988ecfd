import { openRedisQueueDriver } from '../../../packages/sdk/src/drivers/redis/index.ts'
import type { JobResult, QueueDriver } from '../../../packages/sdk/src/queue/driver.ts'
import { newJobs } from '../../../test/support/new-job.ts'
import { BODY } from '../common/payload.ts'
import type { Subject } from './subject.ts'

export const QUEUE = 'bench'
const WORKER = { id: 'bench-worker', about: '{}' }
export const REMOVE_AT_ONCE = keepSucceeded(0)

export function keepSucceeded(count: number) {
  const dead = { count: 1000, ageMs: 86_400_000 }
  return { succeeded: { count, ageMs: 86_400_000 }, cancelled: { count: 0, ageMs: 0 }, dead }
}

export async function lease(driver: QueueDriver): Promise<void> {
  await driver.renew(WORKER, [QUEUE], 600_000)
}

export interface Lane {
  readonly atOnce: number
  readonly keep: typeof REMOVE_AT_ONCE
  /** Ends when so many have been done by all lanes; default: when nothing waits. */
  readonly until?: number
}

/** The worker's loop of one lane: results of the last batch out, the next batch in. */
export async function workLane(driver: QueueDriver, { atOnce, keep, until }: Lane, seen: Set<string>): Promise<void> {
  for (let results: JobResult[] = []; ;) {
    const isEnough = until !== undefined && seen.size >= until
    const exchanged = await driver.exchange(QUEUE, WORKER.id, { results, want: isEnough ? 0 : atOnce, keep })
    if (exchanged.jobs.length === 0) return
    results = exchanged.jobs.map((job) => ({ kind: 'succeeded', job, value: null }))
    for (const { job } of results) seen.add(job.id)
  }
}

export function ourSubject(url: string): Subject {
  const driver = openRedisQueueDriver({ url })
  const addLane = async (total: number, size: number) => {
    for (let left = total; left > 0; left -= size)
      await driver.add(QUEUE, newJobs(Math.min(size, left), { body: BODY }))
  }
  return {
    name: 'ours',
    add: async (total, size, lanes) => {
      await Promise.all(Array.from({ length: lanes }, async () => addLane(total / lanes, size)))
    },
    work: async (atOnce, lanes) => {
      await lease(driver)
      const seen = new Set<string>()
      const lane = { atOnce, keep: REMOVE_AT_ONCE }
      await Promise.all(Array.from({ length: lanes }, async () => workLane(driver, lane, seen)))
      return seen.size
    },
    close: async () => driver.close(),
  }
}
