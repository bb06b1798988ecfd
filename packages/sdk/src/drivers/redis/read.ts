import type { JobRecord, QueueStats } from '../../queue/driver.ts'
import { getScript, statsScript } from './lua/read.ts'
import { toRecord, type RawJob } from './record.ts'
import { Script } from './script.ts'
import { toSettings } from './settings.ts'
import type { Store } from './store.ts'

const getting = new Script(getScript)
const counting = new Script(statsScript)
const AT_A_TIME = 500

export async function get(
  store: Store,
  queue: string,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<readonly (JobRecord | null)[]> {
  const records: (JobRecord | null)[] = []
  for (let first = 0; first < ids.length; first += AT_A_TIME) {
    const some = ids.slice(first, first + AT_A_TIME)
    const raw = (await store.run(getting, queue, some, signal)) as RawJob[]
    for (const [index, id] of some.entries()) records.push(toRecord(id, raw[index] ?? []))
  }
  return records
}

type RawWorker = [string, string, number, number]
type RawStats = [number[], number[], number, string[], RawWorker[]]

export async function stats(store: Store, queue: string, signal?: AbortSignal): Promise<QueueStats> {
  const [counts, totals, oldest, settings, workers] = (await store.run(counting, queue, [], signal)) as RawStats
  const [scheduled = 0, queued = 0, running = 0, retrying = 0, succeeded = 0, cancelled = 0, dead = 0] = counts
  const [added = 0, allSucceeded = 0, failed = 0, allDead = 0, crashed = 0] = totals
  return {
    counts: { scheduled, queued, running, retrying, succeeded, cancelled, dead },
    totals: { added, succeeded: allSucceeded, failed, dead: allDead, crashed },
    oldestQueuedMs: oldest < 0 || queued === 0 ? null : oldest,
    settings: toSettings(settings),
    workers: workers.map(([id, about, own, leaseEndsInMs]) => ({ id, about, running: own, leaseEndsInMs })),
  }
}

export async function queues(store: Store, signal?: AbortSignal): Promise<readonly string[]> {
  const names = await store.connection.call(async (redis) => redis.smembers(store.registerKey), signal)
  return names.toSorted()
}
