import type { LogPosition, SubscriptionSpec } from '../../events/driver.ts'
import type { EventEnvelope } from '../../events/envelope.ts'
import type { Clock } from '../../queue/clock.ts'
import type { NewJob } from '../../queue/driver.ts'
import { ulid } from '../../queue/ulid.ts'
import type { EventCatalog } from './catalog.ts'
import { encodeEvent, groupOf } from './delivery-queue.ts'
import { readLog } from './log.ts'

const BATCH = 500

export interface ReplayParts {
  readonly catalog: EventCatalog
  readonly clock: Clock
  readonly add: (jobs: readonly NewJob[]) => Promise<unknown>
}

/** Deliveries of their own, beside those of the time when the events were published. @returns how many */
export async function replay(
  { catalog, clock, add }: ReplayParts,
  { patterns, order }: SubscriptionSpec,
  from: LogPosition,
  signal?: AbortSignal,
): Promise<number> {
  let batch: NewJob[] = []
  let count = 0
  const send = async (): Promise<void> => {
    if (batch.length > 0) await add(batch)
    count += batch.length
    batch = []
  }
  for await (const { event } of readLog(catalog, clock, { from, patterns, follow: false }, signal)) {
    batch.push(deliveryOf(ulid(), event, order))
    if (batch.length === BATCH) await send()
  }
  await send()
  return count
}

/** An event as a job of a subscription's queue. */
export function deliveryOf(id: string, event: EventEnvelope, order: SubscriptionSpec['order']): NewJob {
  return {
    id,
    body: encodeEvent(event),
    settings: '',
    priority: 0,
    group: groupOf(order, event.key),
    delayMs: 0,
    runAt: null,
    key: null,
    parent: null,
    children: [],
  }
}
