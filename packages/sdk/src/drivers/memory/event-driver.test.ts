import { eventDriverContract } from '../../events/driver-contract.ts'
import { openQueueEvents } from '../queue-events/event-driver.ts'
import { engineHarness } from '../queue-events/harness-contract.ts'
import { MemoryEvents, openMemoryCatalog } from './event-catalog.ts'
import { openMemoryQueueDriver } from './queue-driver.ts'

eventDriverContract('memory', () =>
  Promise.resolve(
    engineHarness(() => {
      const events = new MemoryEvents()
      return Promise.resolve({
        openQueue: () => openMemoryQueueDriver({ store: events.store }),
        openEvents: (driver) => openQueueEvents({ driver, catalog: openMemoryCatalog(events) }),
        dispose: () => Promise.resolve(),
      })
    }),
  ),
)
