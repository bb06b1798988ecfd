import { PandaError } from '@pandastack/contract'
import { sql, type Transaction } from 'kysely'
import { type Database, pandaNow } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import type { Schema } from '../store/schema.ts'
import type { AlertQueue } from './alert-queue.ts'
import type { AlertPayload } from './payload.ts'
import { summaryOf } from './render.ts'

/** Stores a message and sends it on its way, both in the caller's transaction. */
export async function storeMessage(
  tx: Transaction<Schema>,
  queue: AlertQueue,
  message: { readonly id: string; readonly alertId: string; readonly payload: AlertPayload },
): Promise<void> {
  const { id, alertId, payload } = message
  await tx
    .insertInto('alert_deliveries')
    .values({
      id,
      alert_id: alertId,
      state: 'pending',
      events: payload.count,
      summary: summaryOf(payload),
      payload: JSON.stringify(payload),
      next_attempt_at: pandaNow,
      job_id: await queue.add(tx, { id, alertId }),
    })
    .execute()
}

/** Test messages of one alert that may wait to be sent. */
const MAX_PENDING_TESTS = 10

/**
 * A test message goes out at once, whatever the quiet time.
 *
 * @returns the delivery's id.
 * @throws PandaError `too_many_requests` while {@link MAX_PENDING_TESTS} tests of this alert are not sent yet.
 */
export async function storeTest(
  db: Database,
  queue: AlertQueue,
  alert: { id: string; name: string; project: string },
): Promise<string> {
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
    await assertFewTests(tx, alert)
    await storeMessage(tx, queue, { id, alertId: alert.id, payload })
  })
  return id
}

async function assertFewTests(tx: Transaction<Schema>, alert: { id: string; name: string }): Promise<void> {
  // The lock makes the count exact when several are asked for at once.
  await tx.selectFrom('alerts').select('id').where('id', '=', alert.id).forUpdate().execute()
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from alert_deliveries
    where alert_id = ${alert.id} and state = 'pending' and payload->>'type' = 'panda.alert.test'`.execute(tx)
  if ((rows[0]?.count ?? 0) < MAX_PENDING_TESTS) return
  throw new PandaError('too_many_requests', `${MAX_PENDING_TESTS} test messages of "${alert.name}" are not sent yet.`, {
    hint: `See why: panda alert deliveries ${alert.name}`,
  })
}
