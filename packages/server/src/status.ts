import type { Status } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Gauges } from './metrics.ts'
import type { Queryable } from './store/database.ts'

type Counts = Status['counts']

/** Counts of one project, or of all with null. Only runs that have not ended and failures of a day are read. */
export async function readCounts(db: Queryable, projectId: string | null): Promise<Counts> {
  const { rows } = await sql<Counts>`
    select
      (select count(*) from cronjobs where deleted_at is null and (${projectId}::text is null or project_id = ${projectId})) as cronjobs,
      (select count(*) from runs where state = 'running' and (${projectId}::text is null or project_id = ${projectId})) as running,
      (select count(*) from runs where state in ('scheduled', 'queued', 'retrying')
        and (${projectId}::text is null or project_id = ${projectId})) as queued,
      (select count(*) from runs where state = 'failed' and id > ${idBefore(24 * 3_600_000)}
        and (${projectId}::text is null or project_id = ${projectId})) as "failedLastDay"`.execute(db)
  return rows[0] ?? { cronjobs: 0, running: 0, queued: 0, failedLastDay: 0 }
}

/** Run ids are UUIDs of version 7, which begin with their time: a range of ids is a range of times, and is indexed. */
function idBefore(milliseconds: number): string {
  return `run_${(Date.now() - milliseconds).toString(16).padStart(12, '0')}`
}

export async function readGauges(db: Queryable): Promise<Gauges> {
  const { rows } = await sql<Gauges>`
    select
      (select count(*) from cronjobs where deleted_at is null) as cronjobs,
      count(*) filter (where state = 'scheduled') as scheduled,
      count(*) filter (where state = 'queued') as queued,
      count(*) filter (where state = 'running') as running,
      count(*) filter (where state = 'retrying') as retrying
    from runs where state in ('scheduled', 'queued', 'running', 'retrying')`.execute(db)
  return rows[0] ?? { cronjobs: 0, scheduled: 0, queued: 0, running: 0, retrying: 0 }
}

/** Whether the database answers, and as what; never throws. */
export async function probeDatabase(db: Queryable): Promise<{ up: boolean; version: string | null }> {
  try {
    const { rows } = await sql<{ server_version: string }>`show server_version`.execute(db)
    return { up: true, version: rows[0]?.server_version ?? null }
  } catch {
    return { up: false, version: null }
  }
}
