import type { JobRecord, ListPage, ListQuery, QueueStats } from '../../queue/driver.ts'
import { isFinalJobState } from '../../queue/states.ts'
import type { Job, MemoryStore, QueueData } from './store.ts'

/** Order of a list: the first number that differs decides, then the id. */
type Position = readonly [number, number, string]

export function get(queue: QueueData, ids: readonly string[]): (JobRecord | null)[] {
  return ids.map((id) => {
    const job = queue.jobs.get(id)
    return job === undefined ? null : recordOf(job)
  })
}

export function list(queue: QueueData, query: ListQuery): ListPage {
  const after = query.cursor === undefined ? null : (JSON.parse(query.cursor) as Position)
  const rows = [...queue.jobs.values()]
    .filter((job) => job.state === query.state && (query.group === undefined || job.group === query.group))
    .map((job) => ({ job, position: positionOf(job) }))
    .filter(({ position }) => after === null || compare(position, after) > 0)
    .sort((a, b) => compare(a.position, b.position))
  const page = rows.slice(0, query.limit)
  const last = page.at(-1)
  const cursor = last === undefined || page.length === rows.length ? null : JSON.stringify(last.position)
  return { jobs: page.map(({ job }) => recordOf(job)), cursor }
}

export function stats(store: MemoryStore, queue: QueueData): QueueStats {
  const now = store.now()
  const lanes = [queue.ungrouped, ...[...queue.groups.values()].map((group) => group.waiting)]
  const oldest = lanes.flatMap((lane) => lane.heads()).reduce((first, job) => Math.min(first, job.queuedAt), Infinity)
  return {
    counts: { ...queue.counts },
    totals: { ...queue.totals },
    oldestQueuedMs: oldest === Infinity ? null : now - oldest,
    settings: queue.settings,
    workers: [...queue.workers.values()]
      .filter((worker) => worker.leaseEndsAt > now)
      .map(({ info, running, leaseEndsAt }) => ({
        id: info.id,
        about: info.about,
        running: running.size,
        leaseEndsInMs: leaseEndsAt - now,
      })),
  }
}

export function recordOf(job: Job): JobRecord {
  const { id, state, body, settings, priority, group, parent, failures, crashes, progress, value, error, reason } = job
  const { worker, addedAt, runAt, startedAt, finishedAt, firstFailedAt, lastFailedAt, waitsFor } = job
  const what = { id, state, body, settings, priority, group, parent, failures, crashes, progress, value, error, reason }
  return { ...what, worker, addedAt, runAt, startedAt, finishedAt, firstFailedAt, lastFailedAt, waitsFor }
}

function positionOf(job: Job): Position {
  if (job.state === 'queued') return [-job.priority, job.place, job.id]
  if (job.state === 'running') return [job.startedAt ?? 0, 0, job.id]
  if (isFinalJobState(job.state)) return [job.finishedAt ?? 0, 0, job.id]
  return [job.runAt ?? job.addedAt, job.place, job.id]
}

function compare(a: Position, b: Position): number {
  return a[0] - b[0] || a[1] - b[1] || (a[2] < b[2] ? -1 : Number(a[2] > b[2]))
}
