import type { Glance } from '../../queue/glance.ts'
import type { Store } from './store.ts'

export async function glance(
  store: Store,
  queues: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Glance>> {
  const names = new Map<number, string>()
  for (const queue of queues) names.set(await store.lookup(queue), queue)
  const rows = await store.run(
    {
      name: 'panda_glance_1',
      text: 'select queue, queued, relays, schedules, maintain, again from {s}.glance_1($1::int4[])',
      values: [[...names.keys()]],
      doing: `look at ${queues.length} queues`,
    },
    signal,
  )
  // 0 stands for all that do not exist.
  const found = new Map(
    rows.map((row) => {
      const again = row['again']
      const glance = {
        queued: row['queued'] === true,
        relays: row['relays'] === true,
        schedules: row['schedules'] === true,
        maintain: row['maintain'] === true,
        againInMs: typeof again === 'number' ? Math.ceil(again) : null,
      }
      return [names.get(Number(row['queue'])) ?? '', glance]
    }),
  )
  return new Map(queues.map((queue) => [queue, found.get(queue) ?? NOTHING]))
}

const NOTHING: Glance = { queued: false, relays: false, schedules: false, maintain: false, againInMs: null }
