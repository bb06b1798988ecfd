/** Pages of jobs in one state. Each state has its own place, so each its own way of going through it. */
import type { JobRecord, ListPage, ListQuery } from '../../queue/driver.ts'
import { queuedPage } from './list-queued.ts'
import { duePage, endedPage, runningPage } from './list-places.ts'
import { get } from './read.ts'
import type { Store } from './store.ts'

/** Ids in order, and where the next page begins; null = there is none. */
export interface IdPage {
  readonly ids: readonly string[]
  readonly next: string | null
}

const MIN_PAGE = 50

export async function list(store: Store, queue: string, query: ListQuery, signal?: AbortSignal): Promise<ListPage> {
  const jobs: JobRecord[] = []
  let cursor = query.cursor ?? null
  // A page may hold jobs of other groups, or some that have moved on meanwhile: then another one is needed.
  for (;;) {
    const missing = query.limit - jobs.length
    const size = query.group === undefined ? missing : Math.max(missing, MIN_PAGE)
    const page = await pageOf(store, queue, query, cursor, size)
    const records = await get(store, queue, page.ids, signal)
    const fitting = records.filter((job) => job !== null && fits(job, query)) as JobRecord[]
    if (fitting.length > missing) {
      // Only with a group: the rest of the page is read again the next time, one by one.
      return {
        jobs: [...jobs, ...fitting.slice(0, missing)],
        cursor: await cursorBehind(store, queue, query, cursor, fitting[missing - 1]),
      }
    }
    jobs.push(...fitting)
    cursor = page.next
    if (cursor === null || jobs.length >= query.limit) return { jobs, cursor }
  }
}

function fits(job: JobRecord, { state, group }: ListQuery): boolean {
  return job.state === state && (group === undefined || job.group === group)
}

async function pageOf(
  store: Store,
  queue: string,
  query: ListQuery,
  cursor: string | null,
  size: number,
): Promise<IdPage> {
  const prefix = store.prefixOf(queue)
  return store.connection.call(async (redis) => {
    switch (query.state) {
      case 'queued':
        return queuedPage(redis, prefix, query.group, cursor, size)
      case 'running':
        return runningPage(redis, prefix, cursor, size)
      case 'scheduled':
        return duePage(redis, prefix, 'sc', cursor, size)
      case 'retrying':
        return duePage(redis, prefix, 're', cursor, size)
      case 'succeeded':
      case 'cancelled':
      case 'dead':
        return endedPage(redis, prefix, query.state, cursor, size)
    }
  })
}

/** Goes through the page once more, until behind the last job that was given. */
async function cursorBehind(
  store: Store,
  queue: string,
  query: ListQuery,
  from: string | null,
  last: JobRecord | undefined,
): Promise<string | null> {
  let cursor = from
  for (;;) {
    const page = await pageOf(store, queue, query, cursor, 1)
    cursor = page.next
    if (cursor === null || page.ids[0] === last?.id) return cursor
  }
}
