import type { Status } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Gauges } from './metrics.ts'
import { isActive, stateList, WAITING_STATES } from './runs/states.ts'
import type { Queryable } from './store/database.ts'

type Counts = Status['counts']

/** To be asked for with `held` and with `not held`: each has its index. */
const waiting = sql`state in ${stateList(WAITING_STATES)}`
const DAY_MS = 24 * 3_600_000

/** Counts of one project, or of all with null. Only runs that have not ended and failures of a day are read. */
export async function readCounts(db: Queryable, projectId: string | null): Promise<Counts> {
  const mine = projectId === null ? sql`true` : sql`project_id = ${projectId}`
  const { rows } = await sql<Counts>`
    select
      (select count(*) from cronjobs where deleted_at is null and ${mine}) as cronjobs,
      (select count(*) from runs where state = 'running' and ${mine}) as running,
      (select count(*) from runs where ${waiting} and not held and ${mine})
        + (select count(*) from runs where ${waiting} and held and ${mine}) as queued,
      (select count(*) from runs where state = 'failed' and id > ${idBefore(DAY_MS)} and ${mine}) as "failedLastDay"
  `.execute(db)
  return rows[0] ?? { cronjobs: 0, running: 0, queued: 0, failedLastDay: 0 }
}

/** Run ids are UUIDs of version 7, which begin with their time: a range of ids is a range of times, and is indexed. */
function idBefore(milliseconds: number): string {
  return `run_${(Date.now() - milliseconds).toString(16).padStart(12, '0')}`
}

/** Rows of a claim become visible some time after their ids were made: so long at most (the statement timeout). */
const COMMIT_LAG_MS = 30_000

/** Reads what a scrape needs. Keeps in mind up to which run the missed ones are counted. */
export class GaugeReader {
  readonly #db: Queryable
  #countedTo = idBefore(COMMIT_LAG_MS)

  constructor(db: Queryable) {
    this.#db = db
  }

  async read(): Promise<Gauges> {
    const to = idBefore(COMMIT_LAG_MS)
    const { rows } = await sql<Gauges>`
      select
        (select count(*) from cronjobs where deleted_at is null) as cronjobs,
        (select count(*) from runs where id > ${this.#countedTo} and id <= ${to} and state = 'missed') as "newlyMissed",
        count(*) filter (where state = 'scheduled') as scheduled,
        count(*) filter (where state = 'queued') as queued,
        count(*) filter (where state = 'running') as running,
        count(*) filter (where state = 'retrying') as retrying
      from runs where ${isActive('runs')}`.execute(this.#db)
    const row = rows[0]
    if (row === undefined) throw new Error('the counts gave no row')
    this.#countedTo = to
    return row
  }
}

/** Running runs by server. */
export async function readRunning(db: Queryable): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ server_id: string; running: number }>`
    select server_id, count(*) as running from runs where state = 'running' and server_id is not null group by server_id
  `.execute(db)
  return new Map(rows.map((row) => [row.server_id, row.running]))
}

/** Null when the database does not answer. */
export async function probeDatabase(db: Queryable): Promise<string | null> {
  try {
    const { rows } = await sql<{ server_version: string }>`show server_version`.execute(db)
    return rows[0]?.server_version ?? ''
  } catch {
    return null // whatever the reason is: it is not up
  }
}
