import { createHash } from 'node:crypto'
import type { EventEnvelope } from '../../events/envelope.ts'
import { EVENT_QUEUES } from '../../queue/reserved-names.ts'
import { ulidOf, uuidOf } from '../postgres/ids.ts'

/** The queue that a subscription's deliveries are jobs of. */
export function queueOf(subscription: string): string {
  return `${EVENT_QUEUES}${subscription}`
}

/** One at a time, in order: events of a key, and all events without one. Null where no order is asked for. */
export function groupOf(order: 'none' | 'strict', key: string | null): string | null {
  if (order === 'none') return null
  return key === null ? '-' : `=${key}`
}

/**
 * The id of the job that delivers this event to this subscription: the same whoever makes it, so that nothing is delivered
 * twice by a call that is repeated. Ids of one time lie side by side. PostgreSQL makes the same (schema/event-publishing.ts).
 */
export function deliveryIdOf(eventId: string, subscription: string): string {
  const hash = createHash('md5').update(`${eventId} ${subscription}`).digest('hex').slice(0, 20)
  return ulidOfHex(`${timeDigits(eventId)}${hash}`)
}

/** The 12 hexadecimal digits of the time in a ULID; of any other id, digits that are its own. */
export function timeDigits(eventId: string): string {
  const uuid = uuidOf(eventId)
  return (uuid ?? createHash('md5').update(eventId).digest('hex')).slice(0, 12)
}

function ulidOfHex(hex: string): string {
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)]
  return ulidOf(parts.join('-'))
}

/** A delivery's body: the event as it is, its payload still as text. */
export function encodeEvent(event: EventEnvelope): string {
  return JSON.stringify(event)
}

/** Null for what is no event. */
export function decodeEvent(body: string): EventEnvelope | null {
  try {
    const value = JSON.parse(body) as Partial<EventEnvelope> | null
    const isEvent = typeof value?.id === 'string' && typeof value.type === 'string' && typeof value.data === 'string'
    return isEvent ? (value as EventEnvelope) : null
  } catch {
    // Written by something else than this SDK.
    return null
  }
}
