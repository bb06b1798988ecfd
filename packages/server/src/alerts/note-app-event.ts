import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'
import type { AppAlertItem, AppEventFacts } from './payload.ts'

export interface AppEvent {
  readonly projectId: string
  readonly appId: string
  readonly event: AppAlertItem['event']
  readonly facts: AppEventFacts
}

/** As noteRunEvents does for runs: inside the transaction that changes the app, one statement, also when nobody listens. */
export async function noteAppEvent(db: Queryable, { projectId, appId, event, facts }: AppEvent): Promise<void> {
  await sql`
    with noted as (
      insert into alert_events (alert_id, event, app)
      select a.id, ${event}::text, ${JSON.stringify(facts)}::jsonb from alerts a
      where a.project_id = ${projectId} and ${event}::text = any (a.events)
        and (a.app_id = ${appId} or (a.cronjob_id is null and a.app_id is null))
      returning 1
    )
    select pg_notify('panda_alerts', '') from (select 1 from noted limit 1) as any_noted`.execute(db)
}
