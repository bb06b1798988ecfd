import { sql, type Transaction } from 'kysely'
import type { Database } from '../store/database.ts'
import type { Schema } from '../store/schema.ts'
import type { LogBatch } from './log-batch.ts'
import { decodeMemory, encodeMemory, START_POSITION, type WriterMemory } from './log-position.ts'
import { StaleLogWriterError } from './log-types.ts'

/** What the row of a run's log says when a writer opens it. */
export interface OpenedLog {
  readonly lines: number
  readonly bytes: number
  readonly droppedLines: number
  readonly droppedBytes: number
  readonly memory: WriterMemory
  /** An earlier attempt's log that was never completed, and what it left out without a mark. */
  readonly unsaid: { readonly attempt: number; readonly lines: number; readonly bytes: number } | null
}

/**
 * Makes this token the only writer of the run's log.
 * @throws StaleLogWriterError when a later attempt writes already.
 */
export function openForWriting(db: Database, runId: string, attempt: number, token: string): Promise<OpenedLog> {
  return db.transaction().execute(async (tx) => {
    await tx
      .insertInto('run_logs')
      .values({ run_id: runId, attempt, lines: 0, bytes: 0, dropped_lines: 0, dropped_bytes: 0, cursor: null })
      .onConflict((conflict) => conflict.column('run_id').doNothing())
      .execute()
    const row = await tx
      .selectFrom('run_logs')
      .selectAll()
      .where('run_id', '=', runId)
      .forUpdate()
      .executeTakeFirstOrThrow()
    if (row.attempt > attempt) throw new StaleLogWriterError(runId)
    await takeOver(tx, runId, attempt, token)
    if (row.attempt === attempt) {
      const memory =
        row.cursor === null ? { position: START_POSITION, baseBytes: row.bytes, over: false } : decodeMemory(row.cursor)
      const { lines, bytes, dropped_lines: droppedLines, dropped_bytes: droppedBytes } = row
      return { lines, bytes, droppedLines, droppedBytes, memory, unsaid: null }
    }
    const unsaid = row.complete ? null : { attempt: row.attempt, lines: row.dropped_lines, bytes: row.dropped_bytes }
    const memory = { position: START_POSITION, baseBytes: row.bytes, over: false }
    return { lines: row.lines, bytes: row.bytes, droppedLines: 0, droppedBytes: 0, memory, unsaid }
  })
}

async function takeOver(tx: Transaction<Schema>, runId: string, attempt: number, token: string): Promise<void> {
  await sql`
    update run_logs set writer = ${token}, attempt = ${attempt},
      complete = complete and attempt = ${attempt},
      cursor = case when attempt = ${attempt} then cursor end,
      dropped_lines = case when attempt = ${attempt} then dropped_lines else 0 end,
      dropped_bytes = case when attempt = ${attempt} then dropped_bytes else 0 end
    where run_id = ${runId}`.execute(tx)
}

export interface LogCommit {
  readonly runId: string
  readonly token: string
  /** null = only what was left out has changed. */
  readonly batch: LogBatch | null
  /** What the row must say before, so that nothing is stored twice. */
  readonly expectedLines: number
  readonly droppedLines: number
  readonly droppedBytes: number
  readonly memory: WriterMemory
  readonly complete: boolean
  readonly notify: boolean
}

/**
 * Stores a batch and the place to go on from in one statement. Safe to repeat: when an earlier try was done though it
 * was reported as failed, this one sees it and is content.
 * @throws StaleLogWriterError
 */
export async function commitLog(db: Database, commit: LogCommit): Promise<void> {
  const { runId, token, batch, expectedLines } = commit
  const lines = batch?.lines ?? 0
  const bytes = batch?.bytes ?? 0
  const { rows } = await sql<{ moved: number }>`
    with moved as (
      update run_logs set lines = lines + ${lines}, bytes = bytes + ${bytes}, cursor = ${encodeMemory(commit.memory)},
        dropped_lines = ${commit.droppedLines}, dropped_bytes = ${commit.droppedBytes},
        complete = complete or ${commit.complete}
      where run_id = ${runId} and writer = ${token} and lines = ${expectedLines}
      returning 1
    ), stored as (${batch === null ? sql`select 1` : insertChunk(runId, batch)}
    ), told as (select pg_notify('panda_logs', ${runId}) from moved where ${commit.notify})
    select (select count(*) from moved)::int as moved, (select count(*) from told) as told`.execute(db)
  if (rows[0]?.moved === 1) return
  const row = await db.selectFrom('run_logs').select(['writer', 'lines']).where('run_id', '=', runId).executeTakeFirst()
  if (row?.writer === token && row.lines === expectedLines + lines) return
  throw new StaleLogWriterError(runId)
}

function insertChunk(runId: string, batch: LogBatch) {
  return sql`insert into log_chunks (run_id, first_line, line_count, attempt, bytes, first_time, last_time, body)
    select ${runId}::text, ${batch.firstLine}::bigint, ${batch.lines}::int, ${batch.attempt}::int, ${batch.bytes}::int,
      ${new Date(batch.firstTimeMs)}::timestamptz, ${new Date(batch.lastTimeMs)}::timestamptz, ${batch.body()}::text
    from moved`
}
