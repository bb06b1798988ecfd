import { type Alert, PandaError } from '@pandastack/contract'
import type { Database } from '../store/database.ts'
import { getAlert } from './alerts.ts'
import { openChannel, type Sealer, sealChannel, toStored } from './stored-channel.ts'

/**
 * Gives a webhook a new signing secret. Messages that wait are signed with it, too.
 *
 * @returns the alert and the new secret, which is never shown again.
 * @throws PandaError `not_found`; `invalid_request` for an alert that is no webhook.
 */
export function rotateSecret(
  db: Database,
  box: Sealer,
  projectId: string,
  name: string,
): Promise<Alert & { signingSecret: string | null }> {
  return db.transaction().execute(async (tx) => {
    const alert = await getAlert(tx, projectId, name)
    const { channel } = await tx
      .selectFrom('alerts')
      .select('channel')
      .where('id', '=', alert.id)
      .forUpdate()
      .executeTakeFirstOrThrow()
    const before = openChannel(box, alert.id, channel)
    if (before.kind !== 'webhook')
      throw new PandaError('invalid_request', `The alert "${name}" is no webhook: nothing signs its messages.`, {
        hint: 'Only --channel webhook has a signing secret.',
      })
    const stored = toStored({ kind: 'webhook', url: before.url })
    await tx
      .updateTable('alerts')
      .set({ channel: sealChannel(box, alert.id, stored) })
      .where('id', '=', alert.id)
      .execute()
    return { ...alert, signingSecret: stored.kind === 'webhook' ? stored.signingSecret : null }
  })
}
