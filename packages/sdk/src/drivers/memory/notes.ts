import type { JobRecord, Note } from '../../queue/driver.ts'
import { isFinalJobState } from '../../queue/states.ts'
import { PandaError } from '../../errors.ts'
import { recordOf } from './read.ts'
import type { QueueData } from './store.ts'

const MAX_LINES = 1000

export function note(queue: QueueData, id: string, fence: string, given: Note): boolean {
  const job = queue.jobs.get(id)
  if (job?.state !== 'running' || job.fence !== fence) return false
  if (given.progress !== undefined) job.progress = given.progress
  if (given.lines !== undefined) job.lines = [...job.lines, ...given.lines].slice(-MAX_LINES)
  return true
}

export function watch(queue: QueueData, id: string): JobRecord | null {
  const job = queue.jobs.get(id)
  if (job === undefined) throw new PandaError('job_not_found', `queue ${queue.name} has no job ${id}`)
  if (isFinalJobState(job.state)) return recordOf(job)
  queue.watched.add(id)
  return null
}
