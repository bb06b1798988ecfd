import type { QueueSettings, QueueStats } from '../../queue/driver.ts'
import type { JobState } from '../../queue/states.ts'
import type { Row } from './connect.ts'
import { STATES } from './read.ts'
import type { Store } from './store.ts'

const SUMS = [...STATES, 'total_added', 'total_succeeded', 'total_failed', 'total_dead', 'total_crashed']
const AGE = (lane: string): string =>
  `(select (({s}.stamp() - case when seq > 0 then seq else (select added from {s}.details d where d.id = j.id) end) >> 12) / 1000 as age
    from {s}.jobs j where lane = ${lane} and state = 1 order by rank, seq limit 1)`

/** Sums of counters that are kept with every change; no job is counted. */
export async function stats(store: Store, queue: string, signal?: AbortSignal): Promise<QueueStats> {
  const id = await store.lookup(queue)
  const doing = `read the numbers of ${queue}`
  const [row] = await store.run(
    {
      text: `select q.*, ${SUMS.map((name) => `coalesce(c.${name}, 0) as ${name}`).join(', ')},
          (select max(age) from (select age from ${AGE('$1')} own union all
            select o.age from (select distinct lane from {s}.ring where queue = $1 limit 1000) r cross join lateral ${AGE('r.lane')} o) ages) as oldest,
          coalesce((select sum(scheduled) from {s}.counter_changes where queue = $1), 0) as more_scheduled,
          coalesce((select sum(queued) from {s}.counter_changes where queue = $1), 0) as more_queued
        from {s}.queues q left join lateral (select ${SUMS.map((name) => `sum(${name}) as ${name}`).join(', ')}
          from {s}.counters where queue = q.id) c on true where q.id = $1`,
      values: [id],
      doing,
    },
    signal,
  )
  const workers = await store.run(
    {
      text: `select w.id, w.about, ((w.lease_until - {s}.stamp()) >> 12) / 1000 as ends,
          (select count(*) from {s}.jobs j where j.worker = w.no and j.state = 2) as running
        from {s}.workers w where w.queue = $1 and not w.gone and w.lease_until > {s}.stamp() order by w.id`,
      values: [id],
      doing,
    },
    signal,
  )
  const number = (name: string): number => Number(row?.[name] ?? 0)
  const counts = Object.fromEntries(STATES.map((state) => [state, Math.max(0, number(state))])) as Record<
    JobState,
    number
  >
  counts.scheduled += number('more_scheduled')
  counts.queued += number('more_queued')
  return {
    counts,
    totals: {
      added: number('total_added') + number('more_scheduled') + number('more_queued'),
      succeeded: number('total_succeeded'),
      failed: number('total_failed'),
      dead: number('total_dead'),
      crashed: number('total_crashed'),
    },
    oldestQueuedMs: row?.['oldest'] == null ? null : Math.max(0, number('oldest')),
    settings: settingsOf(row ?? {}),
    workers: workers.map((worker) => ({
      id: String(worker['id']),
      about: String(worker['about']),
      running: Number(worker['running']),
      leaseEndsInMs: Number(worker['ends']),
    })),
  }
}

export function settingsOf(row: Row): QueueSettings {
  return {
    paused: row['paused'] === true,
    concurrency: row['concurrency'] == null ? null : Number(row['concurrency']),
    rate: rateOf(row['rate_limit'], row['rate_per_ms']),
    groupConcurrency: Number(row['group_concurrency'] ?? 1),
    groupRate: rateOf(row['group_rate_limit'], row['group_rate_per_ms']),
  }
}

function rateOf(limit: unknown, perMs: unknown): QueueSettings['rate'] {
  return limit == null ? null : { limit: Number(limit), perMs: Number(perMs) }
}
