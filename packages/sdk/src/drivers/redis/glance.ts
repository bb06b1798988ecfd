import type { Glance } from '../../queue/glance.ts'
import { glanceScript, SEEN } from './lua/glance.ts'
import { Script } from './script.ts'
import type { Store } from './store.ts'

const script = new Script(glanceScript)

/** One round trip: the calls for all queues travel together. One call for all would need their keys in one slot of a cluster. */
export async function glance(
  store: Store,
  queues: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Glance>> {
  return new Map(await Promise.all(queues.map(async (queue) => [queue, await glanceAt(store, queue, signal)] as const)))
}

async function glanceAt(store: Store, queue: string, signal?: AbortSignal): Promise<Glance> {
  const [seen, again] = (await store.run(script, queue, [], signal)) as [number, number]
  return {
    queued: (seen & SEEN.queued) !== 0,
    relays: (seen & SEEN.relays) !== 0,
    schedules: (seen & SEEN.schedules) !== 0,
    maintain: (seen & SEEN.maintain) !== 0,
    againInMs: again < 0 ? null : again,
  }
}
