import { PandaError } from '../errors.ts'
import type { Query } from '../drivers/postgres/connect.ts'
import type { Store } from '../drivers/postgres/store.ts'
import { msOf } from '../drivers/postgres/stamps.ts'
import type { NewJob, QueueDriver } from '../queue/driver.ts'

/** Where the jobs go: the driver of the queue's own store. */
export type OutboxTarget = Pick<QueueDriver, 'add'>

const BATCH = 500
/** How long the target remembers what it was given: a process that died before it could cross off repeats within seconds. */
const REMEMBERED_MS = 3_600_000
/** Half of an advisory lock's key: "pout". */
const LOCK_CLASS = 1_886_352_756

interface Written {
  readonly n: string
  readonly queue: string
  readonly job: string
  readonly written: string
}

/**
 * Carries over what the outbox holds, oldest first, and crosses it off. One process at a time does so, the others find
 * the lock taken and leave it to that one.
 * @param patient waits for that one to come to its end instead
 * @returns how many jobs were carried over; null when another process is at it
 */
export async function carry(store: Store, target: OutboxTarget, patient: boolean): Promise<number | null> {
  await store.ready()
  const { schema, connections } = store
  return connections.within('carry over the outbox', async (query) => {
    await query('begin')
    if (!(await lock(query, schema, patient))) {
      await query('rollback')
      return null
    }
    const rows = await query(`select n, queue, job, written from ${schema}.outbox order by n limit ${BATCH}`)
    const jobs = rows as unknown as readonly Written[]
    for (const { queue, jobs: some } of byQueue(jobs)) await target.add(queue, some.map(jobOf))
    if (jobs.length > 0)
      await query(`delete from ${schema}.outbox where n = any ($1::int8[])`, [jobs.map(({ n }) => n)])
    await query('commit')
    return jobs.length
  })
}

async function lock(query: Query, schema: string, patient: boolean): Promise<boolean> {
  const key = [LOCK_CLASS, schema]
  if (patient) {
    await query('select pg_advisory_xact_lock($1, hashtext($2))', key)
    return true
  }
  const [row] = await query('select pg_try_advisory_xact_lock($1, hashtext($2)) as mine', key)
  return row?.['mine'] === true
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
