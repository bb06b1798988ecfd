/** Renews leases from a thread of its own, over a connection of its own. */
import type { LeaseKeeper } from '../../queue/driver.ts'
import { loadClient } from './client.ts'
import { Connection } from './connection.ts'
import { renew } from './leases.ts'
import type { RedisSettings } from './options.ts'
import { Store } from './store.ts'

/** @param config as `keeperPlan()` gives it */
export async function openKeeper(config: unknown): Promise<LeaseKeeper> {
  const settings = config as RedisSettings
  const connection = new Connection(await loadClient(), settings, { onRestored: () => store.forgetRegistered() })
  const store = new Store(connection, settings.prefix)
  return {
    renew: async (worker, queues, leaseMs) => renew(store, worker, queues, leaseMs),
    close: async () => connection.close(),
  }
}
