import type { LeaseKeeper } from '../../queue/driver.ts'
import { renew } from './leases.ts'
import { type PostgresQueueOptions, settle } from './options.ts'
import { Store } from './store.ts'

/** Renews leases from a thread of its own, over a connection of its own. */
export async function openKeeper(config: PostgresQueueOptions): Promise<LeaseKeeper> {
  const store = new Store(settle({ ...config, connections: 1 }))
  return {
    renew: async (worker, queues, leaseMs) => renew(store, worker, queues, leaseMs),
    close: async () => store.connections.close(),
  }
}
