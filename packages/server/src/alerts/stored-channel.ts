import { randomBytes } from 'node:crypto'
import type { Channel } from '@pandastack/contract'
import type { StoredChannel } from './channels/channel.ts'

/** The part of the secret box that alerts need. `context` binds a ciphertext to its row. */
export interface Sealer {
  seal(text: string, context: string): Buffer
  open(sealed: Buffer, context: string): string
}

/** Bytes of a signing secret, as the Standard Webhooks specification advises (24 to 64). */
const SIGNING_SECRET_BYTES = 32

export function toStored(channel: Channel): StoredChannel {
  if (channel.kind !== 'webhook') return channel
  return { ...channel, signingSecret: `whsec_${randomBytes(SIGNING_SECRET_BYTES).toString('base64')}` }
}

export function sealChannel(box: Sealer, alertId: string, channel: StoredChannel): Buffer {
  return box.seal(JSON.stringify(channel), contextOf(alertId))
}

export function openChannel(box: Sealer, alertId: string, sealed: Buffer): StoredChannel {
  return JSON.parse(box.open(sealed, contextOf(alertId))) as StoredChannel
}

function contextOf(alertId: string): string {
  return `alert-channel:${alertId}`
}

/** Chat addresses are passwords by themselves: only the host is shown. */
export function maskedTarget(channel: Channel): string {
  return channel.kind === 'email' ? channel.to.join(', ') : `${new URL(channel.url).origin}/…`
}
