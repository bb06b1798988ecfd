import type { NewJob } from '../../packages/sdk/src/queue/driver.ts'
import { ulid } from '../../packages/sdk/src/queue/ulid.ts'

/** A plain job, or one with the given properties; ids rise in the order of the calls. */
export function newJob(properties: Partial<NewJob> = {}): NewJob {
  const plain = { id: ulid(), body: '{}', settings: '', priority: 0, group: null, delayMs: 0, runAt: null }
  return { ...plain, key: null, parent: null, children: [], ...properties }
}

export function newJobs(size: number, properties: Partial<NewJob> = {}): NewJob[] {
  return Array.from({ length: size }, () => newJob(properties))
}
