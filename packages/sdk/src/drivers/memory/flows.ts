import type { KeepPolicy } from '../../queue/driver.ts'
import type { ChildOutcome, RelayMessage } from '../../queue/flow-driver.ts'
import { end } from './ending.ts'
import type { Job, MemoryStore, QueueData } from './store.ts'
import { enqueue, moveTo, waitUntil } from './waiting.ts'

export function relays(queue: QueueData, limit: number): RelayMessage[] {
  return [...queue.relays.values()].slice(0, limit)
}

export function childEnded(
  store: MemoryStore,
  queue: QueueData,
  parentId: string,
  outcome: ChildOutcome,
  tolerant: boolean,
  keep: KeepPolicy,
): void {
  const parent = queue.jobs.get(parentId)
  if (parent === undefined || parent.outcomes.some((known) => known.childId === outcome.childId)) return
  parent.outcomes = [...parent.outcomes, outcome]
  if (parent.state !== 'scheduled' || parent.waitsFor === 0) return
  parent.waitsFor -= 1
  if (outcome.state !== 'succeeded' && !tolerant)
    end(store, queue, parent, { state: 'dead', reason: 'child', keep: keep.dead })
  else if (parent.waitsFor === 0) becomeReady(store, queue, parent)
}

/** With its last child; a delay of its own may go on. */
function becomeReady(store: MemoryStore, queue: QueueData, parent: Job): void {
  if (parent.runAt !== null && parent.runAt > store.now()) waitUntil(store, queue, parent, parent.runAt)
  else {
    moveTo(queue, parent, 'queued')
    enqueue(store, queue, parent, 'end')
  }
  store.listeners.emit({ kind: 'work', queue: queue.name })
}
