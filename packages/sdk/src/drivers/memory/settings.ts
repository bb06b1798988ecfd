import type { QueueSettings } from '../../queue/driver.ts'
import { enterAll } from './groups.ts'
import type { MemoryStore, QueueData } from './store.ts'

export function configure(store: MemoryStore, queue: QueueData, settings: Partial<QueueSettings>): QueueSettings {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  queue.settings = { ...queue.settings, ...Object.fromEntries(given) }
  enterAll(store, queue)
  store.listeners.emit({ kind: 'settings', queue: queue.name })
  return queue.settings
}
