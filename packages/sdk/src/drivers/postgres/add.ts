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
  const rows = await store.run({ ...callFor(id, jobs), doing: `add ${jobs.length} jobs to ${queue}` }, signal)
  return answersOf(jobs, rows)
}

/**
 * In the caller's transaction. The rows of the queue and of groups are made outside of it, so that no two transactions wait
 * for each other there; within it, it is one statement with one text, which every client library passes on unchanged.
 */
export async function addWithin(
  store: Store,
  run: SqlRunner,
  queue: string,
  jobs: readonly NewJob[],
): Promise<readonly Added[]> {
  if (jobs.length === 0) return []
  const id = await store.queue(queue)
  await makeGroups(store, id, queue, jobs)
  const text = `select stands::text as stands, taken from ${store.schema}.add_rich_1(${id}, true, $1::text::json)`
  return answersOf(jobs, await run(text, [richJobs(jobs)]))
}

async function makeGroups(store: Store, id: number, queue: string, jobs: readonly NewJob[]): Promise<void> {
  const groups = [...new Set(jobs.map(({ group }) => group).filter((group) => group !== null))].sort()
  if (groups.length === 0) return
  const text = 'select {s}.lane_1($1::int4, name) from unnest($2::text[]) name'
  await store.run({ text, values: [id, groups], doing: `make groups of ${queue}` })
}

function callFor(queue: number, jobs: readonly NewJob[]): Call {
  return jobs.every(isPlain) ? plainCall(queue, jobs) : richCall(queue, jobs)
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

function plainCall(queue: number, jobs: readonly NewJob[]): Call {
  const ids = jobs.map(storedId)
  let least = ids[0] ?? ''
  for (const id of ids) if (id < least) least = id
  const ranks = jobs.some(({ priority }) => priority !== 0) ? jobs.map(({ priority }) => -priority) : null
  const settings = jobs.some(({ settings }) => settings !== '')
    ? jobs.map(({ settings }) => (settings === '' ? null : settings))
    : null
  return {
    name: 'panda_add_1',
    text: 'select {s}.add_1($1::int4, $2::uuid, $3::uuid[], $4::text[], $5::int2[], $6::text[])',
    values: [queue, least, ids, jobs.map(({ body }) => body), ranks, settings],
  }
}

function richCall(queue: number, jobs: readonly NewJob[]): Call {
  return {
    name: 'panda_add_rich_1',
    text: 'select stands, taken from {s}.add_rich_1($1::int4, false, $2::json)',
    values: [queue, richJobs(jobs)],
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
