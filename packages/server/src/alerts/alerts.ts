import {
  type Alert,
  type AlertSpec,
  type Channel,
  type Delivery,
  formatDuration,
  PandaError,
  parseDuration,
} from '@pandastack/contract'
import type { Selectable } from 'kysely'
import type { Database, Queryable } from '../store/database.ts'
import { newId } from '../store/ids.ts'
import type { AlertsTable } from '../store/schema.ts'
import type { AlertQueue } from './alert-queue.ts'
import { storeTest } from './store-message.ts'
import { subjectOf } from './subject.ts'
import { maskedTarget, openChannel, type Sealer, sealChannel, toStored } from './stored-channel.ts'

type Row = Selectable<AlertsTable> & { project: string; cronjob: string | null; app: string | null }

function rows(db: Queryable, projectId: string) {
  return db
    .selectFrom('alerts')
    .innerJoin('projects', 'projects.id', 'alerts.project_id')
    .leftJoin('cronjobs', 'cronjobs.id', 'alerts.cronjob_id')
    .leftJoin('apps', 'apps.id', 'alerts.app_id')
    .selectAll('alerts')
    .select(['projects.name as project', 'cronjobs.name as cronjob', 'apps.name as app'])
    .where('alerts.project_id', '=', projectId)
}

function toAlert(row: Row): Alert {
  return {
    id: row.id,
    name: row.name,
    project: row.project,
    on: row.events,
    cronjob: row.cronjob,
    app: row.app,
    channel: { kind: row.channel_kind, target: row.channel_target },
    lateAfter: formatDuration(row.late_after_ms),
    groupFor: formatDuration(row.group_for_ms),
    createdAt: row.created_at.toISOString(),
  }
}

/** By name; a project has few. */
export async function listAlerts(db: Queryable, projectId: string): Promise<Alert[]> {
  return (await rows(db, projectId).orderBy('alerts.name').execute()).map(toAlert)
}

/** @throws PandaError `not_found`. */
export async function getAlert(db: Queryable, projectId: string, name: string): Promise<Alert> {
  return toAlert(await findRow(db, projectId, name))
}

async function findRow(db: Queryable, projectId: string, name: string): Promise<Row> {
  const row = await rows(db, projectId).where('alerts.name', '=', name).executeTakeFirst()
  if (!row)
    throw new PandaError('not_found', `There is no alert "${name}" in this project`, { hint: 'See: panda alert list' })
  return row
}

/**
 * @returns the alert, and for a webhook its signing secret, which is never shown again.
 * @throws PandaError `conflict` when the name is taken, `not_found` when the cronjob or the app does not exist,
 * `invalid_request` when nothing of what is told can happen to what it is for.
 */
export async function createAlert(
  db: Database,
  box: Sealer,
  projectId: string,
  spec: AlertSpec & { name: string },
): Promise<Alert & { signingSecret: string | null }> {
  const id = newId('alt')
  const stored = toStored(spec.channel)
  const inserted = await db
    .insertInto('alerts')
    .values({
      id,
      project_id: projectId,
      name: spec.name,
      ...(await columnsOf(db, projectId, spec)),
      channel: sealChannel(box, id, stored),
    })
    .onConflict((on) => on.columns(['project_id', 'name']).doNothing())
    .executeTakeFirst()
  if (inserted.numInsertedOrUpdatedRows === 0n) {
    throw new PandaError('conflict', `The alert "${spec.name}" exists already`, {
      hint: `Delete it first: panda alert delete ${spec.name}`,
    })
  }
  return {
    ...(await getAlert(db, projectId, spec.name)),
    signingSecret: stored.kind === 'webhook' ? stored.signingSecret : null,
  }
}

/**
 * Used by `panda apply`. The signing secret stays as long as the channel stays a webhook.
 *
 * @returns the signing secret of an alert that became a webhook; null = none, or the one it had
 */
export async function updateAlert(
  db: Database,
  box: Sealer,
  projectId: string,
  name: string,
  spec: AlertSpec,
): Promise<string | null> {
  const row = await findRow(db, projectId, name)
  const before = openChannel(box, row.id, row.channel)
  const fresh = toStored(spec.channel)
  const stored =
    fresh.kind === 'webhook' && before.kind === 'webhook' ? { ...fresh, signingSecret: before.signingSecret } : fresh
  await db
    .updateTable('alerts')
    .set({ ...(await columnsOf(db, projectId, spec)), channel: sealChannel(box, row.id, stored) })
    .where('id', '=', row.id)
    .execute()
  return stored.kind === 'webhook' && before.kind !== 'webhook' ? stored.signingSecret : null
}

/** The channel as the user wrote it, to compare with a file. Never leaves the server. */
export async function readChannel(db: Queryable, box: Sealer, projectId: string, name: string): Promise<Channel> {
  const row = await findRow(db, projectId, name)
  const stored = openChannel(box, row.id, row.channel)
  if (stored.kind === 'email') return { kind: 'email', to: [...stored.to] }
  return { kind: stored.kind, url: stored.url }
}

async function columnsOf(db: Queryable, projectId: string, spec: AlertSpec) {
  return {
    ...(await subjectOf(db, projectId, spec)),
    events: spec.on,
    channel_kind: spec.channel.kind,
    channel_target: maskedTarget(spec.channel),
    late_after_ms: parseDuration(spec.lateAfter),
    group_for_ms: parseDuration(spec.groupFor),
  }
}

/** Its undelivered messages go with it. @throws PandaError `not_found`. */
export async function deleteAlert(db: Database, projectId: string, name: string): Promise<void> {
  const row = await findRow(db, projectId, name)
  await db.deleteFrom('alerts').where('id', '=', row.id).execute()
}

/** Sends a test message on its way; what becomes of it is seen in {@link listDeliveries}. */
export async function testAlert(db: Database, queue: AlertQueue, projectId: string, name: string): Promise<Delivery> {
  const row = await findRow(db, projectId, name)
  const id = await storeTest(db, queue, { id: row.id, name: row.name, project: row.project })
  const delivery = (await listDeliveries(db, projectId, name)).find((each) => each.id === id)
  if (!delivery) throw new Error(`delivery ${id} is not there after it was stored`)
  return delivery
}

/** The newest 100. */
export async function listDeliveries(db: Queryable, projectId: string, name: string): Promise<Delivery[]> {
  const alert = await findRow(db, projectId, name)
  const found = await db
    .selectFrom('alert_deliveries')
    .selectAll()
    .where('alert_id', '=', alert.id)
    .orderBy('id', 'desc')
    .limit(100)
    .execute()
  return found.map((row) => ({
    id: row.id,
    alert: alert.name,
    state: row.state,
    attempts: row.attempts,
    events: row.events,
    summary: row.summary,
    lastError: row.last_error,
    createdAt: row.created_at.toISOString(),
    sentAt: row.sent_at?.toISOString() ?? null,
    nextAttemptAt: row.state === 'pending' ? (row.next_attempt_at?.toISOString() ?? null) : null,
  }))
}
