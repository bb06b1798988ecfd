import { PandaError } from '../../errors.ts'
import type { JobRecord, Note } from '../../queue/driver.ts'
import { isFinalJobState } from '../../queue/states.ts'
import { fenceOf } from './exchange.ts'
import { uuidOf } from './ids.ts'
import { get } from './read.ts'
import type { Store } from './store.ts'

export async function note(store: Store, queue: string, id: string, fence: string, note: Note): Promise<boolean> {
  const [row] = await store.run({
    text: 'select {s}.note_1($1::int4, $2::uuid, $3::int8, $4::text, $5::text[]) as noted',
    values: [await store.lookup(queue), uuidOf(id), fenceOf(fence), note.progress ?? null, note.lines ?? null],
    doing: `note something about job ${id} of ${queue}`,
  })
  return row?.['noted'] === true
}

export async function logs(store: Store, queue: string, id: string): Promise<readonly string[]> {
  const rows = await store.run({
    text: `select line from {s}.logs where id = $2::uuid and exists (
        select from {s}.jobs j where j.id = $2::uuid and {s}.belongs($1::int4, j.lane)
        union all select from {s}.ended e where e.id = $2::uuid and e.queue = $1::int4)
      order by n`,
    values: [await store.lookup(queue), uuidOf(id)],
    doing: `read the log of job ${id} of ${queue}`,
  })
  return rows.map((row) => String(row['line']))
}

/** @throws PandaError job_not_found */
export async function watch(store: Store, queue: string, id: string): Promise<JobRecord | null> {
  const [row] = await store.run({
    text: 'select {s}.watch_1($1::int4, $2::uuid) as watched',
    values: [await store.lookup(queue), uuidOf(id)],
    doing: `watch job ${id} of ${queue}`,
  })
  if (row?.['watched'] === true) return null
  const [job] = await get(store, queue, [id])
  if (job == null || !isFinalJobState(job.state))
    throw new PandaError('job_not_found', `there is no job ${id} in ${queue}`)
  return job
}
