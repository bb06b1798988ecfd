import { sql } from 'kysely'
import { type Database, pandaNow, type Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { reach } from '../fault-points.ts'
import { type AlertItem, type AlertPayload, LAST_LINES, MAX_ITEMS, MAX_LINE_LENGTH } from './payload.ts'
import { summaryOf } from './render.ts'

/** Reads the last stored lines of a run, oldest first. */
export type LastLines = (runId: string, count: number) => Promise<readonly string[]>

/** Events taken into one message at most; the rest goes into the next. */
const MAX_EVENTS = 1000

interface OpenAlert {
  id: string
  name: string
  project: string
  group_for_ms: number
}

/**
 * Makes one message for each alert that has waiting events and is not within its quiet time. The rows of the alert are
 * locked meanwhile, so several servers never put one event into two messages.
 *
 * @returns how many messages were stored.
 */
export async function gather(db: Database, lastLines: LastLines): Promise<number> {
  let stored = 0
  while (await gatherOne(db, lastLines)) stored++
  if (stored > 0) reach('alert-stored')
  return stored
}

function gatherOne(db: Database, lastLines: LastLines): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const { rows } = await sql<OpenAlert>`
      select a.id, a.name, p.name as project, a.group_for_ms
      from alerts a join projects p on p.id = a.project_id
      where (a.quiet_until is null or a.quiet_until <= panda_now())
        and exists (select 1 from alert_events e where e.alert_id = a.id and e.delivery_id is null)
      order by a.id limit 1 for update of a skip locked`.execute(tx)
    const alert = rows[0]
    if (!alert) return false
    const id = newId('dlv')
    const events = await takeEvents(tx, alert.id, id)
    const payload: AlertPayload = {
      type: 'panda.alert',
      project: alert.project,
      alert: alert.name,
      at: new Date().toISOString(),
      count: events.length,
      items: await itemsOf(tx, events.slice(-MAX_ITEMS), lastLines),
    }
    await storeDelivery(tx, id, alert.id, payload)
    await tx
      .updateTable('alerts')
      .set({ quiet_until: sql<Date>`panda_now() + ${alert.group_for_ms} * interval '1 millisecond'` })
      .where('id', '=', alert.id)
      .execute()
    return true
  })
}

interface TakenEvent {
  id: number
  run_id: string
  event: AlertItem['event']
}

async function takeEvents(tx: Queryable, alertId: string, deliveryId: string): Promise<TakenEvent[]> {
  const { rows } = await sql<TakenEvent>`
    update alert_events set delivery_id = ${deliveryId}
    where id in (select id from alert_events where alert_id = ${alertId} and delivery_id is null order by id limit ${MAX_EVENTS})
    returning id, run_id, event`.execute(tx)
  return rows.sort((a, b) => a.id - b.id)
}

async function itemsOf(tx: Queryable, events: readonly TakenEvent[], lastLines: LastLines): Promise<AlertItem[]> {
  const runs = await tx
    .selectFrom('runs')
    .innerJoin('cronjobs', 'cronjobs.id', 'runs.cronjob_id')
    .selectAll('runs')
    .select('cronjobs.name as cronjob')
    .where(
      'runs.id',
      'in',
      events.map((event) => event.run_id),
    )
    .execute()
  const byId = new Map(runs.map((run) => [run.id, run]))
  const items: AlertItem[] = []
  for (const { run_id, event } of events) {
    const run = byId.get(run_id)
    if (!run) continue // removed by the retention since
    const lines = event === 'failed' || event === 'lost' ? await lastLines(run.id, LAST_LINES) : []
    items.push({
      event,
      run: run.id,
      cronjob: run.cronjob,
      state: run.state,
      reason: run.reason,
      message: run.message,
      exitCode: run.exit_code,
      attempt: run.attempt,
      dueAt: run.due_at.toISOString(),
      startedAt: run.started_at?.toISOString() ?? null,
      finishedAt: run.finished_at?.toISOString() ?? null,
      lastLines: lines.map((line) => line.slice(0, MAX_LINE_LENGTH)),
    })
  }
  return items
}

async function storeDelivery(db: Queryable, id: string, alertId: string, payload: AlertPayload): Promise<void> {
  await db
    .insertInto('alert_deliveries')
    .values({
      id,
      alert_id: alertId,
      state: 'pending',
      events: payload.count,
      summary: summaryOf(payload),
      payload: JSON.stringify(payload),
      next_attempt_at: pandaNow,
    })
    .execute()
}

/** A test message goes out at once, whatever the quiet time. @returns the delivery's id. */
export async function storeTest(db: Database, alert: { id: string; name: string; project: string }): Promise<string> {
  const id = newId('dlv')
  const payload: AlertPayload = {
    type: 'panda.alert.test',
    project: alert.project,
    alert: alert.name,
    at: new Date().toISOString(),
    count: 1,
    items: [],
  }
  await db.transaction().execute(async (tx) => {
    await storeDelivery(tx, id, alert.id, payload)
    await sql`select pg_notify('panda_alerts', '')`.execute(tx)
  })
  return id
}
