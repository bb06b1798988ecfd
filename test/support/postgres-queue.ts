import type { ClaimedJob, KeepPolicy, NewJob, QueueDriver } from '../../packages/sdk/src/queue/driver.ts'

const nothing = { count: 0, ageMs: 0 }
export const keepNothing: KeepPolicy = { succeeded: nothing, cancelled: nothing, dead: nothing }
let serial = 0

/** Jobs without any option, ids ascending. */
export function plainJobs(count: number, body = '{"file":1}'): NewJob[] {
  return Array.from({ length: count }, () => {
    serial += 1
    const id = `01kabcdefg${String(serial).padStart(16, '0')}`
    const plain = { id, body, settings: '', priority: 0, group: null, delayMs: 0, runAt: null }
    return { ...plain, key: null, parent: null, children: [] }
  })
}

export async function claim(driver: QueueDriver, queue: string, want: number): Promise<readonly ClaimedJob[]> {
  return (await driver.exchange(queue, 'w', { results: [], want, keep: keepNothing })).jobs
}

/** @returns ids that were refused */
export async function succeed(
  driver: QueueDriver,
  queue: string,
  jobs: readonly ClaimedJob[],
): Promise<readonly string[]> {
  const results = jobs.map((job) => ({ kind: 'succeeded' as const, job, value: null }))
  return (await driver.exchange(queue, 'w', { results, want: 0, keep: keepNothing })).refused
}
