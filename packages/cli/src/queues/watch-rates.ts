import { setTimeout as delay } from 'node:timers/promises'
import type { QueueView } from '@pandastack/contract'
import type { Page } from '../output/show.ts'

export interface RatedQueue extends QueueView {
  /** Per second since the look before. */
  readonly rates: { readonly added: number; readonly succeeded: number; readonly failed: number }
}

/** Looks again and again; the first answer comes after the second look, because a rate needs two. Busiest first. */
export async function* watchRates(
  look: () => Promise<Page<QueueView>>,
  everyMs: number,
): AsyncGenerator<RatedQueue[], void> {
  let before = await look()
  let lookedAt = performance.now()
  for (;;) {
    await delay(everyMs)
    const now = await look()
    const seconds = (performance.now() - lookedAt) / 1000
    lookedAt = performance.now()
    yield rated(before.items, now.items, seconds)
    before = now
  }
}

/** A counter that went back (its queue was removed and made anew) gives no negative rate. */
export function rated(before: readonly QueueView[], now: readonly QueueView[], seconds: number): RatedQueue[] {
  const former = new Map(before.map((queue) => [queue.name, queue.totals]))
  return now
    .map((queue) => {
      const then = former.get(queue.name)
      const rate = (key: 'added' | 'succeeded' | 'failed') =>
        Math.max(0, queue.totals[key] - (then?.[key] ?? 0)) / seconds
      return { ...queue, rates: { added: rate('added'), succeeded: rate('succeeded'), failed: rate('failed') } }
    })
    .toSorted((a, b) => busyness(b) - busyness(a) || a.name.localeCompare(b.name))
}

function busyness({ rates }: RatedQueue): number {
  return rates.added + rates.succeeded + rates.failed
}
