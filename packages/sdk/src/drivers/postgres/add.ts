import { PandaError } from '../../errors.ts'
import type { Added, NewJob, SqlRunner } from '../../queue/driver.ts'
import { ulidOf, uuidOf } from './ids.ts'
import type { Store } from './store.ts'

interface Call {
  readonly text: string
  readonly name: string
  readonly values: readonly unknown[]
}

export async function add(
  store: Store,
  queue: string,
  jobs: readonly NewJob[],
  signal?: AbortSignal,
): Promise<readonly Added[]> {
  if (jobs.length === 0) return []
  const id = await store.queue(queue)
  const rows = await store.run({ ...callFor(id, false, jobs), doing: `add ${jobs.length} jobs to ${queue}` }, signal)
  return answersOf(jobs, rows)
}

/** In the caller's transaction. The queue's row is made outside of it, so that no two transactions wait for each other there. */
export async function addWithin(
  store: Store,
  run: SqlRunner,
  queue: string,
  jobs: readonly NewJob[],
): Promise<readonly Added[]> {
  if (jobs.length === 0) return []
  const id = await store.queue(queue)
  const { text, values } = callFor(id, true, jobs)
  return answersOf(jobs, await run(text.replaceAll('{s}', store.schema), values))
}

function callFor(queue: number, within: boolean, jobs: readonly NewJob[]): Call {
  return jobs.every(isPlain) ? plainCall(queue, within, jobs) : richCall(queue, within, jobs)
}

function isPlain(job: NewJob): boolean {
  return (
    job.group === null &&
    job.key === null &&
    job.parent === null &&
    job.children.length === 0 &&
    job.runAt === null &&
    job.delayMs <= 0
  )
}

function plainCall(queue: number, within: boolean, jobs: readonly NewJob[]): Call {
  const ids = jobs.map(storedId)
  let least = ids[0] ?? ''
  for (const id of ids) if (id < least) least = id
  const ranks = jobs.some(({ priority }) => priority !== 0) ? jobs.map(({ priority }) => -priority) : null
  const settings = jobs.some(({ settings }) => settings !== '')
    ? jobs.map(({ settings }) => (settings === '' ? null : settings))
    : null
  return {
    name: 'panda_add_1',
    text: 'select {s}.add_1($1::int4, $2::boolean, $3::uuid, $4::uuid[], $5::text[], $6::int2[], $7::text[])',
    values: [queue, within, least, ids, jobs.map(({ body }) => body), ranks, settings],
  }
}

function richCall(queue: number, within: boolean, jobs: readonly NewJob[]): Call {
  return {
    name: 'panda_add_rich_1',
    text: 'select stands, taken from {s}.add_rich_1($1::int4, $2::boolean, $3::json)',
    values: [queue, within, richJobs(jobs)],
  }
}

export function richJobs(jobs: readonly NewJob[]): string {
  return JSON.stringify(
    jobs.map((job) => ({
      id: storedId(job),
      body: job.body,
      settings: job.settings === '' ? null : job.settings,
      rank: -job.priority,
      lane: job.group,
      delay: Math.round(job.delayMs),
      run_at: job.runAt === null ? null : Math.round(job.runAt),
      key: job.key?.value,
      ttl: job.key === null ? undefined : Math.round(job.key.ttlMs),
      parent_queue: job.parent?.queue,
      parent_id: job.parent === null ? undefined : idOf(job.parent.id),
      children: job.children.length === 0 ? null : job.children,
    })),
  )
}

function storedId(job: NewJob): string {
  return idOf(job.id)
}

/** @throws PandaError invalid_option */
export function idOf(id: string): string {
  const uuid = uuidOf(id)
  if (uuid === null)
    throw new PandaError('invalid_option', `the id of a job must be a ULID in lower case, not ${JSON.stringify(id)}`)
  return uuid
}

function answersOf(jobs: readonly NewJob[], rows: readonly Readonly<Record<string, unknown>>[]): readonly Added[] {
  return jobs.map((job, index) => {
    const taken = rows[index]?.['taken'] === true
    return { id: taken ? ulidOf(String(rows[index]?.['stands'])) : job.id, deduplicated: taken }
  })
}
