import type { LogLine } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Database } from '../store/database.ts'
import { parseBody } from './log-batch.ts'
import type { LogReadQuery } from './log-types.ts'

const DEFAULT_LIMIT = 1000
const MAX_LIMIT = 10_000
const MAX_TAIL = 100_000
/** Chunks are read in portions of about this size, so that a long log is never in memory as a whole. */
const PORTION_BYTES = 1024 * 1024
const PORTION_CHUNKS = 1000
/** An answer ends early when its text exceeds this; the reader goes on behind its last line. */
const MAX_ANSWER_LENGTH = 8 * 1024 * 1024

export interface LogPage {
  readonly items: LogLine[]
  /** Where to go on; null = there is no more for now. */
  readonly nextAfter: number | null
}

interface ChunkRow {
  first_line: number
  body: string
}

interface Portion {
  readonly direction: 'up' | 'down'
  /** Up: chunks that hold this line or later ones. Down: chunks that begin before it. */
  readonly line: number
}

/** Oldest first; with `tail` the newest that match, oldest of them first. */
export async function readLog(db: Database, runId: string, query: LogReadQuery): Promise<LogPage> {
  return query.tail === undefined ? readUp(db, runId, query) : readTail(db, runId, query, query.tail)
}

async function readUp(db: Database, runId: string, query: LogReadQuery): Promise<LogPage> {
  const limit = Math.min(query.limit ?? DEFAULT_LIMIT, MAX_LIMIT)
  const matches = matcher(query)
  const items: LogLine[] = []
  let length = 0
  let line = (query.after ?? 0) + 1
  for (;;) {
    const chunks = await readPortion(db, runId, query, { direction: 'up', line })
    if (chunks.length === 0) return { items, nextAfter: null }
    for (const chunk of chunks) {
      for (const one of parseBody(chunk.body)) {
        if (one.line < line) continue
        line = one.line + 1
        if (!matches(one)) continue
        if (items.length >= limit || length > MAX_ANSWER_LENGTH) return { items, nextAfter: items.at(-1)?.line ?? null }
        items.push(one)
        length += one.text.length
      }
    }
  }
}

async function readTail(db: Database, runId: string, query: LogReadQuery, tail: number): Promise<LogPage> {
  const wanted = Math.min(tail, query.limit ?? MAX_TAIL, MAX_TAIL)
  const matches = matcher(query)
  const newestFirst: LogLine[] = []
  let length = 0
  let line = Number.MAX_SAFE_INTEGER
  while (newestFirst.length < wanted && length <= MAX_ANSWER_LENGTH) {
    const chunks = await readPortion(db, runId, query, { direction: 'down', line })
    if (chunks.length === 0) break
    for (const chunk of chunks) {
      line = chunk.first_line
      for (const one of parseBody(chunk.body).toReversed()) {
        if (!matches(one) || newestFirst.length >= wanted || length > MAX_ANSWER_LENGTH) continue
        newestFirst.push(one)
        length += one.text.length
      }
    }
  }
  return { items: newestFirst.toReversed(), nextAfter: null }
}

function matcher(query: LogReadQuery): (line: LogLine) => boolean {
  const since = query.since?.toISOString()
  return (line) =>
    line.line > (query.after ?? 0) &&
    (since === undefined || line.time >= since) &&
    (query.attempt === undefined || line.attempt === query.attempt) &&
    (query.stream === undefined || line.stream === query.stream)
}

/** The next chunks in this direction that can hold matching lines, about {@link PORTION_BYTES} together, at least one. */
async function readPortion(db: Database, runId: string, query: LogReadQuery, portion: Portion): Promise<ChunkRow[]> {
  const up = portion.direction === 'up'
  const order = up ? sql`asc` : sql`desc`
  const after = query.after ?? 0
  const range = up
    ? sql`first_line >= coalesce((select max(first_line) from log_chunks
        where run_id = ${runId} and first_line <= ${portion.line}), 0) and first_line + line_count > ${portion.line}`
    : sql`first_line < ${portion.line} and first_line + line_count - 1 > ${after}`
  const since = query.since === undefined ? sql`` : sql`and last_time >= ${query.since}`
  const attempt = query.attempt === undefined ? sql`` : sql`and attempt = ${query.attempt}`
  // Sizes are summed up first, over the rows without their bodies, which are stored aside.
  const { rows } = await sql<ChunkRow>`
    with nearest as (
      select first_line, bytes from log_chunks
      where run_id = ${runId} and ${range} ${since} ${attempt}
      order by first_line ${order} limit ${PORTION_CHUNKS}
    ), measured as (
      select first_line, sum(bytes) over (order by first_line ${order}) - bytes as before from nearest
    )
    select c.first_line, c.body from measured m join log_chunks c on c.run_id = ${runId} and c.first_line = m.first_line
    where m.before < ${PORTION_BYTES}
    order by c.first_line ${order}`.execute(db)
  return rows
}
