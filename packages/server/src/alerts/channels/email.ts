import { createTransport } from 'nodemailer'
import { textOf, titleOf } from '../render.ts'
import type { Send } from './channel.ts'

export interface MailSettings {
  /** `smtp://user:password@host:587` or `smtps://…`. */
  readonly url: string
  readonly from: string
}

/** In milliseconds. */
const TIMEOUT_MS = 15_000

/** E-mail by the server's own SMTP account, which the operator has set; without one every try fails saying so. */
export function emailChannel(settings: MailSettings | null): Send<'email'> & { close(): void } {
  const transport = settings
    ? createTransport({
        url: settings.url,
        connectionTimeout: TIMEOUT_MS,
        greetingTimeout: TIMEOUT_MS,
        socketTimeout: TIMEOUT_MS,
        disableFileAccess: true,
        disableUrlAccess: true,
      })
    : null
  const send: Send<'email'> = async (channel, { id, payload }) => {
    if (!transport || !settings)
      throw new Error('the server has no mail account: set PANDA_SMTP_URL and PANDA_SMTP_FROM')
    await transport.sendMail({
      from: settings.from,
      to: [...channel.to],
      subject: titleOf(payload).slice(0, 200),
      text: textOf(payload),
      messageId: `<${id}@pandastack>`,
    })
  }
  return Object.assign(send, { close: () => transport?.close() })
}
