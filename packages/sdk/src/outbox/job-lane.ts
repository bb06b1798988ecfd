import { PandaError } from '../errors.ts'
import type { Row } from '../drivers/postgres/connect.ts'
import { msOf } from '../drivers/postgres/stamps.ts'
import type { NewJob, QueueDriver } from '../queue/driver.ts'
import type { Lane } from './carry.ts'

/** Where the jobs go: the driver of the queue's own store. */
export type OutboxTarget = Pick<QueueDriver, 'add'>

/** How long the target remembers what it was given: a process that died before it could cross off repeats within seconds. */
const REMEMBERED_MS = 3_600_000
/** "pout". */
const LOCK_CLASS = 1_886_352_756

interface Written {
  readonly n: string
  readonly queue: string
  readonly job: string
  readonly written: string
}

/** Jobs, to a queue in another store. */
export function jobLane(target: OutboxTarget): Lane {
  return {
    table: 'outbox',
    columns: 'queue, job, written',
    broker: null,
    lockClass: LOCK_CLASS,
    deliver: async (rows: readonly Row[]) => {
      for (const { queue, jobs } of byQueue(rows as unknown as readonly Written[]))
        await target.add(queue, jobs.map(jobOf))
    },
  }
}

/** Jobs of one queue that lie side by side go in one call; the order over all stays. */
function byQueue(rows: readonly Written[]): readonly { readonly queue: string; readonly jobs: Written[] }[] {
  const runs: { readonly queue: string; readonly jobs: Written[] }[] = []
  for (const row of rows) {
    const last = runs.at(-1)
    if (last?.queue === row.queue) last.jobs.push(row)
    else runs.push({ queue: row.queue, jobs: [row] })
  }
  return runs
}

/** A delay counts from when the job was written. The key makes a repeat add nothing, also after the job has ended. */
function jobOf(row: Written): NewJob {
  const job = JSON.parse(row.job) as NewJob
  if (typeof job.id !== 'string') throw new PandaError('store_refused', `row ${row.n} of the outbox holds no job`)
  const runAt = job.runAt ?? (job.delayMs > 0 ? msOf(row.written) + job.delayMs : null)
  return { ...job, delayMs: 0, runAt, key: job.key ?? { value: `outbox:${job.id}`, ttlMs: REMEMBERED_MS } }
}
