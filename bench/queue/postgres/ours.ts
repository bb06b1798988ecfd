import { openPostgresQueueDriver } from '../../../packages/sdk/src/drivers/postgres/index.ts'
import type { ClaimedJob, KeepPolicy, QueueDriver } from '../../../packages/sdk/src/queue/driver.ts'
import { newJobs } from '../../../test/support/new-job.ts'
import { BODY } from '../common/payload.ts'
import { KEEP_NOTHING } from './keep-nothing.ts'

const LEASE_MS = 600_000

export function open(url: string): QueueDriver {
  return openPostgresQueueDriver({ url })
}

/** As the part above the seam does it: one call in flight, what arrives meanwhile is the next one's. @returns jobs per second */
export async function addCoalesced(
  driver: QueueDriver,
  queue: string,
  inFlight: number,
  total: number,
): Promise<number> {
  const startedAt = performance.now()
  for (let done = 0; done < total; done += inFlight) await driver.add(queue, newJobs(inFlight, { body: BODY }))
  return (total / (performance.now() - startedAt)) * 1000
}

export async function addBulk(
  driver: QueueDriver,
  queue: string,
  size: number,
  lanes: number,
  total: number,
): Promise<number> {
  const startedAt = performance.now()
  let left = total
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= size
      await driver.add(queue, newJobs(size, { body: BODY }))
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return (total / (performance.now() - startedAt)) * 1000
}

/** Claims and acknowledges until `total` jobs are done or none is left. @returns jobs per second */
export async function work(
  driver: QueueDriver,
  queue: string,
  batch: number,
  lanes: number,
  total: number,
  keep: KeepPolicy = KEEP_NOTHING,
): Promise<number> {
  await driver.renew({ id: 'bench', about: '{}' }, [queue], LEASE_MS)
  const startedAt = performance.now()
  let done = 0
  const lane = async (): Promise<void> => {
    let held: readonly ClaimedJob[] = []
    for (;;) {
      const want = done + held.length >= total ? 0 : batch
      const results = held.map((job) => ({ kind: 'succeeded' as const, job, value: null }))
      const { jobs, refused } = await driver.exchange(queue, 'bench', { results, want, keep })
      if (refused.length > 0) throw new Error(`${refused.length} results were refused`)
      done += held.length
      held = jobs
      if (jobs.length === 0) return
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return (done / (performance.now() - startedAt)) * 1000
}
