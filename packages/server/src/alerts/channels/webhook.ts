import { Webhook } from 'standardwebhooks'
import type { Outbound } from '../outbound.ts'
import type { Send } from './channel.ts'

/** Signed as Standard Webhooks has it (github.com/standard-webhooks/standard-webhooks, spec 1.0). */
export function webhookChannel(outbound: Outbound, now: () => number): Send<'webhook'> {
  return async (channel, message, signal) => {
    const body = JSON.stringify(message.payload)
    const at = new Date(now())
    const headers = {
      'content-type': 'application/json',
      'webhook-id': message.id,
      'webhook-timestamp': `${Math.floor(at.getTime() / 1000)}`,
      'webhook-signature': new Webhook(channel.signingSecret).sign(message.id, at, body),
    }
    await outbound.post(channel.url, body, headers, signal)
  }
}
