import type { AlertEvent } from '@pandastack/contract'
import { sql } from 'kysely'
import type { Queryable } from '../store/database.ts'

export interface RunEvent {
  readonly runId: string
  readonly projectId: string
  readonly cronjobId: string
  readonly event: AlertEvent
}

/**
 * Stores what the alerts of the project want to hear, inside the caller's transaction, so that no change of a run is
 * without its alert and none is announced that did not happen. Costs one statement, also when nobody listens.
 */
export async function noteRunEvents(db: Queryable, events: readonly RunEvent[]): Promise<void> {
  if (events.length === 0) return
  await sql`
    with noted as (
      insert into alert_events (alert_id, run_id, event)
      select a.id, e.run_id, e.event
      from unnest(
        ${events.map((e) => e.runId)}::text[], ${events.map((e) => e.projectId)}::text[],
        ${events.map((e) => e.cronjobId)}::text[], ${events.map((e) => e.event)}::text[]
      ) as e (run_id, project_id, cronjob_id, event)
      join alerts a on a.project_id = e.project_id and e.event = any (a.events)
        and (a.cronjob_id = e.cronjob_id or (a.cronjob_id is null and a.app_id is null))
      returning 1
    )
    select pg_notify('panda_alerts', '') from (select 1 from noted limit 1) as any_noted
  `.execute(db)
}
