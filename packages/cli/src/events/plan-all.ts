import type { DeclareSubscription } from '@pandastack/contract'
import type { EventPort } from './event-port.ts'
import type { SubscriptionChange } from './topology-view.ts'

/** What would change for each, in their order. */
export async function planAll(port: EventPort, specs: readonly DeclareSubscription[]): Promise<SubscriptionChange[]> {
  const changes: SubscriptionChange[] = []
  for (const spec of specs) {
    const planned = await port.plan(spec)
    changes.push(...planned.changes.map((change) => ({ subscription: spec.name, ...change })))
  }
  return changes
}
