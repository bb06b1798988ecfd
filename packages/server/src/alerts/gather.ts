import { sql } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import { reach } from '../fault-points.ts'
import type { AlertQueue } from './alert-queue.ts'
import { itemsOf, type LastLines, type TakenEvent } from './items.ts'
import { type AlertPayload, MAX_ITEMS } from './payload.ts'
import { storeMessage } from './store-message.ts'

/**
 * Events that one message stands for at most, the newest first: they only are counted, so that what has just failed does
 * not wait behind a night of missed ticks. The rest goes into the next message.
 */
const MAX_EVENTS = 100_000

interface OpenAlert {
  id: string
  name: string
  project: string
  group_for_ms: number
}

/** Alerts that one pass looks at; those behind wait for the next pass. */
const MAX_ALERTS = 1000

/**
 * Makes one message for each alert that has waiting events and is not within its quiet time, and sends it on its way by
 * the queue. The rows of the alert are
 * locked meanwhile, so several servers never put one event into two messages. An alert that fails does not hold up the
 * others.
 *
 * @returns how many messages were stored.
 * @throws AggregateError of what failed, after all others were gathered.
 */
export async function gather(db: Database, queue: AlertQueue, lastLines: LastLines): Promise<number> {
  let stored = 0
  const failures: unknown[] = []
  for (const id of await waitingAlerts(db)) {
    try {
      if (await gatherOne(db, queue, lastLines, id)) stored++
    } catch (error) {
      failures.push(error)
    }
  }
  if (stored > 0) reach('alert-stored')
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} alerts could not be gathered`)
  return stored
}

const isWaiting = sql`(a.quiet_until is null or a.quiet_until <= panda_now())
  and exists (select 1 from alert_events e where e.alert_id = a.id and e.delivery_id is null)`

async function waitingAlerts(db: Database): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select a.id from alerts a where ${isWaiting} order by a.id limit ${MAX_ALERTS}`.execute(db)
  return rows.map((row) => row.id)
}

function gatherOne(db: Database, queue: AlertQueue, lastLines: LastLines, alertId: string): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    // No plain `for update`: that would make everybody wait who notes an event of this alert, in the middle of a claim.
    const { rows } = await sql<OpenAlert>`
      select a.id, a.name, p.name as project, a.group_for_ms
      from alerts a join projects p on p.id = a.project_id
      where a.id = ${alertId} and ${isWaiting} for no key update of a skip locked`.execute(tx)
    const alert = rows[0]
    if (!alert) return false
    const id = newId('dlv')
    const { count, newest } = await takeEvents(tx, alert.id, id)
    if (count === 0) return false // another server was faster
    const payload: AlertPayload = {
      type: 'panda.alert',
      project: alert.project,
      alert: alert.name,
      at: new Date().toISOString(),
      count,
      items: await itemsOf(tx, newest, lastLines),
    }
    await storeMessage(tx, queue, { id, alertId: alert.id, payload })
    await tx
      .updateTable('alerts')
      .set({ quiet_until: sql<Date>`panda_now() + ${alert.group_for_ms} * interval '1 millisecond'` })
      .where('id', '=', alert.id)
      .execute()
    return true
  })
}

/** @returns how many were taken, and the newest {@link MAX_ITEMS} of them, oldest first. */
async function takeEvents(
  tx: Queryable,
  alertId: string,
  deliveryId: string,
): Promise<{ count: number; newest: TakenEvent[] }> {
  const { rows } = await sql<TakenEvent & { count: number }>`
    with taken as (
      update alert_events set delivery_id = ${deliveryId}
      where id in (
        select id from alert_events where alert_id = ${alertId} and delivery_id is null order by id desc limit ${MAX_EVENTS}
      )
      returning id, run_id, event, app
    ) select id, run_id, event, app, count(*) over () as count from taken order by id desc limit ${MAX_ITEMS}`.execute(
    tx,
  )
  return { count: rows[0]?.count ?? 0, newest: rows.toReversed() }
}
