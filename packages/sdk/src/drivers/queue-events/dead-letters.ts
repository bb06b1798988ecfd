import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterPage,
  DeadLetterQuery,
  EventDeadReason,
} from '../../events/driver.ts'
import type { Change, JobRecord, QueueDriver } from '../../queue/driver.ts'
import type { EventCatalog } from './catalog.ts'
import { decodeEvent, encodeEvent, queueOf } from './delivery-queue.ts'
import { attemptsOf, memoOf } from './results.ts'

const PAGE = 500

/** The engine's cursor of the page that holds the last letter given, and that letter's place in it. */
type Place = readonly [page: string | null, deadAt: number, id: string]

interface Found {
  readonly record: JobRecord
  /** Of the page in which it was found. */
  readonly page: string | null
}

/** Oldest first, by the time of death. */
export async function deadLetters(
  driver: QueueDriver,
  subscription: string,
  query: DeadLetterQuery,
  signal?: AbortSignal,
): Promise<DeadLetterPage> {
  const after = query.cursor === undefined ? null : (JSON.parse(query.cursor) as Place)
  const found: Found[] = []
  for await (const each of scan(driver, subscription, after, signal)) {
    if (fits(each.record, query)) found.push(each)
    if (found.length > query.limit) break
  }
  const page = found.slice(0, query.limit)
  const last = page.at(-1)
  const more = last !== undefined && found.length > page.length
  const place = more ? JSON.stringify([last.page, last.record.finishedAt ?? 0, last.record.id] satisfies Place) : null
  return { letters: page.map(({ record }) => letterOf(record)), cursor: place }
}

export interface LetterStore {
  readonly driver: QueueDriver
  readonly catalog: Pick<EventCatalog, 'deliveryId'>
}

/** Several deliveries of one event that are dead (it was replayed) are one letter here. */
export async function changeDeadLetters(
  store: LetterStore,
  subscription: string,
  ids: readonly string[],
  change: DeadLetterChange,
  signal?: AbortSignal,
): Promise<readonly ('done' | 'not-found')[]> {
  const { driver } = store
  const records = await lookUp(store, subscription, ids, signal)
  const done = new Set<string>()
  if (change.kind === 'drop' || change.data === undefined) {
    const kind = change.kind === 'drop' ? 'remove' : 'retry'
    for (const id of await changed(driver, subscription, records, { kind }, signal)) done.add(id)
  } else {
    for (const record of records) {
      const event = decodeEvent(record.body)
      const body = event === null ? change.data : encodeEvent({ ...event, data: change.data })
      for (const id of await changed(driver, subscription, [record], { kind: 'retry', body }, signal)) done.add(id)
    }
  }
  return ids.map((id) => (done.has(id) ? 'done' : 'not-found'))
}

/** Drops what waits, and the dead letters; what runs just now ends by itself. */
export async function emptyQueue(driver: QueueDriver, subscription: string, signal?: AbortSignal): Promise<void> {
  const queue = queueOf(subscription)
  for (const state of ['queued', 'retrying', 'dead'] as const) {
    for (;;) {
      const { jobs } = await driver.list(queue, { state, limit: PAGE }, signal)
      const ids = jobs.map(({ id }) => id)
      const outcomes = ids.length === 0 ? [] : await driver.change(queue, ids, { kind: 'remove' }, signal)
      if (!outcomes.includes('done')) break
    }
  }
}

async function changed(
  driver: QueueDriver,
  subscription: string,
  records: readonly JobRecord[],
  change: Change,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  if (records.length === 0) return []
  const ids = records.map(({ id }) => id)
  const outcomes = await driver.change(queueOf(subscription), ids, change, signal)
  return records.filter((_, index) => outcomes[index] === 'done').map(letterId)
}

/** By the id that a delivery has; what was replayed has another one and is looked for. */
async function lookUp(
  { driver, catalog }: LetterStore,
  subscription: string,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<readonly JobRecord[]> {
  if (ids.length === 0) return []
  const jobIds = ids.map((id) => catalog.deliveryId(id, subscription))
  const direct = await driver.get(queueOf(subscription), jobIds, signal)
  const found = direct.filter((record) => record?.state === 'dead') as JobRecord[]
  const missing = new Set(ids.filter((_, index) => direct[index]?.state !== 'dead'))
  if (missing.size === 0) return found
  for await (const { record } of scan(driver, subscription, null, signal)) {
    if (missing.has(letterId(record))) found.push(record)
  }
  return found
}

async function* scan(
  driver: QueueDriver,
  subscription: string,
  after: Place | null,
  signal?: AbortSignal,
): AsyncGenerator<Found> {
  let page = after?.[0] ?? null
  let skip = after
  for (;;) {
    const query = { state: 'dead', limit: PAGE, ...(page !== null && { cursor: page }) } as const
    const { jobs, cursor } = await driver.list(queueOf(subscription), query, signal)
    for (const record of skip === null ? jobs : behind(jobs, skip)) yield { record, page }
    if (cursor === null) return
    page = cursor
    skip = null
  }
}

/** A place, not a letter: it holds when the letter has gone. */
function behind(jobs: readonly JobRecord[], [, deadAt, id]: Place): readonly JobRecord[] {
  const at = jobs.findIndex((record) => record.id === id)
  if (at >= 0) return jobs.slice(at + 1)
  return jobs.filter(({ finishedAt }) => (finishedAt ?? 0) >= deadAt)
}

function fits(record: JobRecord, { reason, type }: DeadLetterQuery): boolean {
  if (reason !== undefined && record.reason !== reason) return false
  return type === undefined || decodeEvent(record.body)?.type === type
}

function letterId(record: JobRecord): string {
  return decodeEvent(record.body)?.id ?? record.id
}

function letterOf(record: JobRecord): DeadLetter {
  const event = decodeEvent(record.body)
  return {
    id: event?.id ?? record.id,
    event,
    raw: event?.data ?? record.body,
    reason: (record.reason ?? 'final') as EventDeadReason,
    error: record.error,
    attempts: attemptsOf(record),
    crashes: record.crashes,
    firstFailedAt: memoOf(record)?.firstFailedAt ?? record.firstFailedAt,
    deadAt: record.finishedAt ?? 0,
  }
}
