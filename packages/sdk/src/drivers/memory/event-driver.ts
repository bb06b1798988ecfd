import type { EventDriver } from '../../events/driver.ts'
import { openQueueEvents } from '../queue-events/event-driver.ts'
import type { QueueEventOptions } from '../queue-events/event-driver.ts'
import { MemoryEvents, openMemoryCatalog } from './event-catalog.ts'
import { openMemoryQueueDriver } from './queue-driver.ts'

export interface MemoryEventOptions extends Pick<QueueEventOptions, 'waitMs' | 'maxPayloadBytes'> {
  /** Drivers with the same events see the same subscriptions. */
  readonly events: MemoryEvents
}

/** For tests and trials: everything that events can do, kept in this process. */
export function openMemoryEventDriver({ events, ...options }: MemoryEventOptions): EventDriver {
  const driver = openMemoryQueueDriver({ store: events.store })
  return openQueueEvents({ driver, catalog: openMemoryCatalog(events), ...options })
}

const byName = new Map<string, MemoryEvents>()

/** The same for the same name in all of this process, as long as it runs. */
export function memoryEventsOf(name: string): MemoryEvents {
  const events = byName.get(name) ?? new MemoryEvents()
  byName.set(name, events)
  return events
}
