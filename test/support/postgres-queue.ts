import type { ClaimedJob, KeepPolicy, QueueDriver } from '../../packages/sdk/src/queue/driver.ts'

const nothing = { count: 0, ageMs: 0 }
export const keepNothing: KeepPolicy = { succeeded: nothing, cancelled: nothing, dead: nothing }
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
