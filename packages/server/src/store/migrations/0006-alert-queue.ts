import { type Kysely, sql } from 'kysely'

/**
 * The messages of the alerts travel by a queue of the SDK; `alert_deliveries` stays the record of what became of them.
 * `job_id` is null for those stored before: the first server of this version sends them on their way.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`drop index alert_deliveries_pending`.execute(db)
  await sql`alter table alert_deliveries drop column locked_until, add column job_id text collate "C"`.execute(db)
  await sql`create index alert_deliveries_without_job on alert_deliveries (id)
    where state = 'pending' and job_id is null`.execute(db)
  await sql`create index alert_deliveries_of_alert on alert_deliveries (alert_id, id)`.execute(db)
}
