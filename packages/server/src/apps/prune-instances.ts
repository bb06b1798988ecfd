import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import { isLive } from './states.ts'

/** Ended instances kept of each app, with their logs: what explains the last deploys and crashes. */
const KEPT_ENDED = 50
/** Deleted apps are kept so long. */
const DELETED_KEPT = '30 days'

/**
 * An instance runs for months: of its log the newest bytes are kept. Whole chunks go, the oldest first.
 *
 * @param instanceId null = of every instance that lives
 * @returns how many lines went
 */
export async function pruneInstanceLogs(db: Queryable, keepBytes: number, instanceId: string | null): Promise<number> {
  const which =
    instanceId === null
      ? sql`run_id in (select i.id from app_instances i where ${isLive})`
      : sql`run_id = ${instanceId}`
  const { rows } = await sql<{ lines: number }>`
    with gone as (
      delete from log_chunks c using (
        select run_id, first_line, sum(bytes) over (partition by run_id order by first_line desc) - bytes as newer
        from log_chunks where ${which}
      ) old
      where c.run_id = old.run_id and c.first_line = old.first_line and old.newer > ${keepBytes}
      returning c.line_count
    ) select coalesce(sum(line_count), 0)::float8 as lines from gone`.execute(db)
  return rows[0]?.lines ?? 0
}

export async function pruneEndedInstances(db: Queryable): Promise<void> {
  await sql`
    with old as (
      select id from (
        select i.id, row_number() over (partition by i.app_id order by i.finished_at desc) as nth
        from app_instances i where not (${isLive})
      ) ended where nth > ${KEPT_ENDED}
      union all
      select i.id from app_instances i join apps a on a.id = i.app_id
      where a.deleted_at < panda_now() - ${DELETED_KEPT}::interval and not (${isLive})
    ), chunks as (delete from log_chunks where run_id in (select id from old)),
    logs as (delete from run_logs where run_id in (select id from old))
    delete from app_instances where id in (select id from old)`.execute(db)
  await sql`
    delete from apps a where a.deleted_at < panda_now() - ${DELETED_KEPT}::interval
      and not exists (select 1 from app_instances i where i.app_id = a.id)`.execute(db)
}

/** An app of the project that is not deleted, or deleted while instances of it live. */
export async function unendedApp(
  db: Queryable,
  projectId: string,
): Promise<{ readonly name: string; readonly deleted: boolean } | undefined> {
  const { rows } = await sql<{ name: string; deleted: boolean }>`
    select a.name, a.deleted_at is not null as deleted from apps a
    where a.project_id = ${projectId} and (a.deleted_at is null
      or exists (select 1 from app_instances i where i.app_id = a.id and ${isLive}))
    order by a.deleted_at nulls first, a.name limit 1`.execute(db)
  return rows[0]
}

/** The deleted apps of a project with all that is kept of them: at most {@link KEPT_ENDED} instances of each. */
export async function deleteEndedApps(trx: Queryable, projectId: string): Promise<void> {
  const instances = sql`(select i.id from app_instances i join apps a on a.id = i.app_id where a.project_id = ${projectId})`
  await sql`delete from log_chunks where run_id in ${instances}`.execute(trx)
  await sql`delete from run_logs where run_id in ${instances}`.execute(trx)
  // Revisions and instances go with them.
  await sql`delete from apps where project_id = ${projectId}`.execute(trx)
}
