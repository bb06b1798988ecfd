import { Webhook } from 'standardwebhooks'
import type { AlertItem, AlertPayload } from '../../packages/server/src/alerts/payload.ts'
import { startWebhookReceiver } from '../../test/chaos/webhook-receiver.ts'
import { waitFor } from '../../test/support/wait-for.ts'

/** A local receiver for the alert, as a user's own service would be. */
export interface Receiver {
  readonly url: string
  /** The first event of this kind. @throws when a signature is wrong, or when nothing came in time */
  item(event: AlertItem['event'], secret: string, timeoutMs: number): Promise<AlertItem>
  close(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const receiver = await startWebhookReceiver()
  const items = (secret: string): AlertItem[] =>
    receiver.calls.flatMap(({ body, headers }) => {
      const signed = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value)]))
      return (new Webhook(secret).verify(body, signed) as AlertPayload).items
    })
  return {
    url: receiver.url,
    item: (event, secret, timeoutMs) =>
      waitFor(`the alert "${event}"`, () => items(secret).find((item) => item.event === event), timeoutMs),
    close: async () => receiver[Symbol.asyncDispose](),
  }
}
