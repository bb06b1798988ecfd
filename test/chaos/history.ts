import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'

/**
 * What the database says, read with SQL of our own: none of the server's queries, none of its answers.
 * Times are milliseconds since the epoch.
 */
export interface History {
  readonly revisions: readonly RevisionRow[]
  readonly runs: readonly RunRecord[]
  readonly attempts: readonly AttemptRecord[]
  readonly logLines: ReadonlyMap<string /* run */, readonly LogRecord[]>
}

/** A cronjob's fields from `createdAtMs` until the next revision of the same cronjob. */
export interface RevisionRow {
  readonly cronjobId: string
  readonly revision: number
  readonly schedule: string
  readonly timezone: string
  readonly concurrency: string
  readonly createdAtMs: number
}

export interface RunRecord {
  readonly id: string
  readonly cronjobId: string
  /** Of the cronjob, by which it was made. */
  readonly revision: number
  readonly trigger: string
  readonly state: string
  readonly reason: string | null
  readonly attempt: number
  readonly lostAttempts: number
  readonly exitCode: number | null
  readonly dueAtMs: number
  readonly createdAtMs: number
  readonly startedAtMs: number | null
}

export interface AttemptRecord {
  readonly runId: string
  readonly number: number
  readonly outcome: string
  readonly exitCode: number | null
  /** The sentence for people. */
  readonly message: string | null
}

export interface LogRecord {
  readonly line: number
  readonly attempt: number
  readonly stream: string
  readonly text: string
}

export async function readHistory(databaseUrl: string): Promise<History> {
  const revisions = await query<RevisionRow>(
    databaseUrl,
    `select cronjob_id as "cronjobId", revision, spec->>'schedule' as schedule, spec->>'timezone' as timezone,
       spec->>'concurrency' as concurrency, ${milliseconds('created_at')} as "createdAtMs"
     from cronjob_revisions order by cronjob_id, revision`,
  )
  const runs = await query<RunRecord>(
    databaseUrl,
    `select id, cronjob_id as "cronjobId", revision, trigger, state, reason, attempt, lost_attempts as "lostAttempts",
       exit_code as "exitCode", ${milliseconds('due_at')} as "dueAtMs", ${milliseconds('created_at')} as "createdAtMs",
       ${milliseconds('started_at')} as "startedAtMs"
     from runs order by id`,
  )
  const attempts = await query<AttemptRecord>(
    databaseUrl,
    'select run_id as "runId", number, outcome, exit_code as "exitCode", message from attempts order by run_id, number',
  )
  const chunks = await query<{ run: string; body: string }>(
    databaseUrl,
    'select run_id as run, body from log_chunks order by run_id, first_line',
  )
  return { revisions, runs, attempts, logLines: linesOf(chunks) }
}

/** Runs that have not ended. Asked again and again while the test waits, so it reads no more than a number. */
async function countActive(databaseUrl: string): Promise<number> {
  return countOf(
    databaseUrl,
    `select count(*)::int as count from runs where state in ('scheduled', 'queued', 'running', 'retrying')`,
  )
}

function milliseconds(column: string): string {
  return `(extract(epoch from ${column}) * 1000)::float8`
}

/** Chunks hold one JSON array `[line, attempt, stream, epoch ms, text]` per row. */
function linesOf(chunks: readonly { run: string; body: string }[]): Map<string, LogRecord[]> {
  const lines = new Map<string, LogRecord[]>()
  for (const { run, body } of chunks) {
    const known = lines.get(run) ?? []
    for (const row of body.split('\n')) {
      const [line, attempt, stream, , text] = JSON.parse(row) as [number, number, string, number, string]
      known.push({ line, attempt, stream, text })
    }
    lines.set(run, known)
  }
  return lines
}

/** The id that stands on all units of the servers of this database. */
export async function readInstallation(databaseUrl: string): Promise<string> {
  const [row] = await query<{ id: string }>(databaseUrl, 'select id from installation')
  if (row === undefined) throw new Error('no server has started on this database yet')
  return row.id
}

export interface DeliveryRecord {
  readonly id: string
  readonly state: string
  readonly runs: readonly string[]
}

/** The messages of the alerts with the runs that they are about. */
export async function readDeliveries(databaseUrl: string): Promise<DeliveryRecord[]> {
  return query<DeliveryRecord>(
    databaseUrl,
    `select d.id, d.state, array_agg(e.run_id order by e.id) as runs
     from alert_deliveries d join alert_events e on e.delivery_id = d.id group by d.id order by d.id`,
  )
}

/** Events of alerts that are in no message yet. */
export async function countOpenEvents(databaseUrl: string): Promise<number> {
  return countOf(databaseUrl, 'select count(*)::int as count from alert_events where delivery_id is null')
}

export async function countRuns(databaseUrl: string): Promise<number> {
  return countOf(databaseUrl, 'select count(*)::int as count from runs')
}

/**
 * Waits until every run has ended.
 *
 * @returns false when the limit was reached before; the checker then says which runs were left in the middle
 */
export async function settle(databaseUrl: string, limitMs: number): Promise<boolean> {
  const startedAt = performance.now()
  while ((await countActive(databaseUrl)) > 0) {
    if (performance.now() - startedAt > limitMs) return false
    await delay(200)
  }
  return true
}

async function countOf(databaseUrl: string, text: string): Promise<number> {
  const [row] = await query<{ count: number }>(databaseUrl, text)
  return row?.count ?? 0
}

async function query<T extends object>(databaseUrl: string, text: string): Promise<T[]> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return (await client.query<T>(text)).rows
  } finally {
    await client.end()
  }
}
