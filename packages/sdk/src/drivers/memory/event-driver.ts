import type { EventDriver } from '../../events/driver.ts'
import { openQueueEvents } from '../queue-events/event-driver.ts'
import { MemoryEvents, openMemoryCatalog } from './event-catalog.ts'
import { openMemoryQueueDriver } from './queue-driver.ts'

export interface MemoryEventOptions {
  /** Drivers with the same events see the same subscriptions. Default: new ones. */
  readonly events?: MemoryEvents
}

/** For tests and trials: everything that events can do, kept in this process. */
export function openMemoryEventDriver({ events = new MemoryEvents() }: MemoryEventOptions = {}): EventDriver {
  return openQueueEvents({
    driver: openMemoryQueueDriver({ store: events.store }),
    catalog: openMemoryCatalog(events),
  })
}
