import type { KeepPolicy, Maintained } from '../../queue/driver.ts'
import { inMs } from './claim.ts'
import { expire } from './ending.ts'
import { leaveIfIdle } from './groups.ts'
import { recoverAll } from './leases.ts'
import type { MemoryStore, QueueData } from './store.ts'
import { moveDue, nextDueAt } from './waiting.ts'

export function maintain(store: MemoryStore, queue: QueueData, keep: KeepPolicy): Maintained {
  const { recovered, dead } = recoverAll(store, queue, keep)
  if (moveDue(store, queue) > 0) store.listeners.emit({ kind: 'work', queue: queue.name })
  expire(store, queue)
  expireKeys(store, queue)
  if (queue.settings.groupRate !== null) for (const group of queue.groups.values()) leaveIfIdle(store, queue, group)
  const leaseEnds = [...queue.workers.values()].map((worker) => worker.leaseEndsAt)
  return { recovered, dead, againInMs: inMs(store, [nextDueAt(queue), queue.nextExpiry, ...leaseEnds]) }
}

function expireKeys(store: MemoryStore, queue: QueueData): void {
  const now = store.now()
  for (let first = queue.keyEnds.first(); first !== undefined && first.at <= now; first = queue.keyEnds.first()) {
    queue.keyEnds.dropFirst()
    const key = queue.keys.get(first.item)
    if (key !== undefined && key.endsAt <= now) queue.keys.delete(first.item)
  }
}
