import { randomBytes } from 'node:crypto'
import type { NewJob } from '../../packages/sdk/src/queue/driver.ts'

let count = 0

/** A plain job, or one with the given properties; ids rise in the order of the calls. */
export function newJob(properties: Partial<NewJob> = {}): NewJob {
  count += 1
  const id = `01h${count.toString(36).padStart(10, '0')}${randomBytes(7).toString('hex').slice(0, 13)}`
  const plain = {
    id,
    body: '{}',
    settings: '',
    priority: 0,
    group: null,
    delayMs: 0,
    runAt: null,
    key: null,
    parent: null,
  }
  return { ...plain, children: [], ...properties }
}

export function newJobs(size: number, properties: Partial<NewJob> = {}): NewJob[] {
  return Array.from({ length: size }, () => newJob(properties))
}
