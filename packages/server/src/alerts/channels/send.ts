import type { Outbound } from '../outbound.ts'
import type { Message, StoredChannel } from './channel.ts'
import { discordChannel, ntfyChannel, slackChannel } from './chat.ts'
import { emailChannel, type MailSettings } from './email.ts'
import { webhookChannel } from './webhook.ts'

export interface Sender {
  send(channel: StoredChannel, message: Message, signal?: AbortSignal): Promise<void>
  close(): void
}

/** All channels behind one call. */
export function createSender(deps: { outbound: Outbound; mail: MailSettings | null; now: () => number }): Sender {
  const webhook = webhookChannel(deps.outbound, deps.now)
  const slack = slackChannel(deps.outbound)
  const discord = discordChannel(deps.outbound)
  const ntfy = ntfyChannel(deps.outbound)
  const email = emailChannel(deps.mail)

  return {
    async send(channel, message, signal) {
      switch (channel.kind) {
        case 'webhook':
          return webhook(channel, message, signal)
        case 'slack':
          return slack(channel, message, signal)
        case 'discord':
          return discord(channel, message, signal)
        case 'ntfy':
          return ntfy(channel, message, signal)
        case 'email':
          return email(channel, message, signal)
      }
    },
    close() {
      email.close()
      deps.outbound.close()
    },
  }
}
