import { expect, test } from 'vitest'
import type { EventEnvelope } from '../../events/envelope.ts'
import type { AnyMessage } from './amqp.ts'
import { eventOf, forwarded, idOf, outgoing, travelOf, untravelled } from './message.ts'
import type { Outgoing } from './publisher.ts'

const event: EventEnvelope = {
  id: '01J',
  source: 'shop',
  type: 'order.placed',
  time: '2026-11-24T10:00:00.000Z',
  data: '{"a":"ä"}',
  dataVersion: 2,
  key: 'k',
  traceparent: '00-1-2-01',
  tracestate: 'a=b',
}

function received({ content, key, properties }: Outgoing, more: Record<string, unknown> = {}): AnyMessage {
  const headers = { ...(properties.headers as Record<string, unknown>), ...more }
  return { content, fields: { routingKey: key }, properties: { ...properties, headers } } as unknown as AnyMessage
}

test('an envelope survives the wire', () => {
  const message = received(outgoing('e', event))
  expect(eventOf(message, message.content.toString())).toEqual(event)
  expect(travelOf(message)).toEqual(untravelled)
  expect(idOf(message)).toBe('01J')
})

test('what is forwarded keeps the event, takes new headers of ours, and none of the broker', () => {
  const travel = { ...untravelled, failures: 2, firstFailedAt: 5, error: '{}', dueAt: 9, crashes: 1, suspect: true }
  const once = received(forwarded('e', 'k', received(outgoing('e', event)), travel), {
    'x-death': [{}],
    'x-delivery-count': 3,
  })
  expect(travelOf(once)).toEqual(travel)
  const twice = forwarded('e', 'k', once, { ...untravelled, deadReason: 'final', deadAt: 7 }, '{}')
  expect(Object.keys(twice.properties.headers as object).filter((name) => name.startsWith('x-'))).toEqual([])
  expect(travelOf(received(twice))).toEqual({ ...untravelled, deadReason: 'final', deadAt: 7 })
  expect(eventOf(received(twice), '{}')).toEqual({ ...event, data: '{}' })
})

test('a foreign message is no event, and has a name all the same', () => {
  const content = Buffer.from('{broken')
  const foreign = { content, fields: {}, properties: { headers: undefined } } as unknown as AnyMessage
  expect(eventOf(foreign, '{broken')).toBeNull()
  expect(idOf(foreign)).toBe(`raw-${content.toString('hex')}-7`)
})
