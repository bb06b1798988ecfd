import type { EventEnvelope } from '../../../packages/sdk/src/events/envelope.ts'

/** One client doing the work that all of them do: confirmed publishes into the same exchange, manual acknowledgements. */
export interface Way {
  readonly name: string
  /** Resolves when the broker has confirmed all of them. */
  publish(events: readonly EventEnvelope[]): Promise<void>
  /** Calls `onEvent` with each event of the subscription and acknowledges it then. */
  consume(subscription: string, prefetch: number, onEvent: (event: EventEnvelope) => void): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** Where our driver publishes, and what it consumes: all ways use the same. */
export const exchange = 'panda.entry'
export const queueOf = (subscription: string) => `panda.sub.${subscription}.g1`

export const body = JSON.stringify({ userId: 'u_0123456789', email: 'someone@example.com', filler: 'x'.repeat(440) })

let made = 0
export function makeEvent(): EventEnvelope {
  return {
    id: `01JD${String((made += 1)).padStart(22, '0')}`,
    source: 'bench',
    type: 'user.signed_up',
    time: new Date().toISOString(),
    data: body,
    dataVersion: 1,
    key: null,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: null,
  }
}
