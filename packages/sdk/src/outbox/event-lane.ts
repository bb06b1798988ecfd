import { PandaError } from '../errors.ts'
import type { Row } from '../drivers/postgres/connect.ts'
import type { EventDriver } from '../events/driver.ts'
import type { EventEnvelope } from '../events/envelope.ts'
import type { Lane } from './carry.ts'

/** Where the events go: the driver of a broker. */
export type EventOutboxTarget = Pick<EventDriver, 'publish' | 'capabilities'>

/** "peve". */
const LOCK_CLASS = 1_885_697_637

/** Events, to a broker. One that is repeated has the same id: an inbox tells it apart. */
export function eventLane(target: EventOutboxTarget): Lane {
  return {
    table: 'event_outbox',
    columns: 'event',
    broker: target.capabilities.name,
    lockClass: LOCK_CLASS,
    deliver: async (rows) => target.publish(rows.map(eventOf)),
  }
}

function eventOf(row: Row): EventEnvelope {
  const event = JSON.parse(String(row['event'])) as EventEnvelope
  if (typeof event.id !== 'string' || typeof event.type !== 'string')
    throw new PandaError('store_refused', `row ${String(row['n'])} of the outbox holds no event`)
  return event
}
