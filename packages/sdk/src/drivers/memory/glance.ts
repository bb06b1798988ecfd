import type { Glance } from '../../queue/glance.ts'
import { hasClaimable, inMs } from './claim.ts'
import { dueSchedules } from './schedules.ts'
import type { MemoryStore, QueueData } from './store.ts'
import { nextDueAt } from './waiting.ts'

export function glance(store: MemoryStore, queue: QueueData): Glance {
  const now = store.now()
  const schedules = dueSchedules(store, queue)
  const leaseEnds = [...queue.workers.values()].map((worker) => worker.leaseEndsAt)
  const times = [nextDueAt(queue), queue.nextExpiry, ...leaseEnds]
  const isDue = (at: number | null | undefined): boolean => at != null && at <= now
  const later = times.filter((at) => !isDue(at))
  const ownMs = inMs(store, later)
  const againInMs = Math.min(ownMs ?? Number.POSITIVE_INFINITY, schedules.againInMs ?? Number.POSITIVE_INFINITY)
  return {
    queued: hasClaimable(store, queue),
    relays: queue.relays.size > 0,
    schedules: schedules.due.length > 0,
    // Groups under a rate limit are forgotten some time after their last job.
    maintain:
      times.some(isDue) ||
      isDue(queue.keyEnds.first()?.at) ||
      (queue.settings.groupRate !== null && queue.groups.size > 0),
    againInMs: Number.isFinite(againInMs) ? againInMs : null,
  }
}
