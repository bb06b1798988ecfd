import type { JobRecord } from '../../queue/driver.ts'
import type { JobState } from '../../queue/states.ts'
import { ulidOf, uuidOf } from './ids.ts'
import type { Row } from './connect.ts'
import { msOf, msOrNull } from './stamps.ts'
import type { Store } from './store.ts'

export const STATES: readonly JobState[] = [
  'scheduled',
  'queued',
  'running',
  'retrying',
  'succeeded',
  'cancelled',
  'dead',
]

/** Of a job that has not ended; `j` is its row, `d` its details, `l` its group, `w` its worker. */
export const LIVE_COLUMNS = `j.id, j.state, j.body, j.settings, j.rank, j.seq, l.name as lane, d.parent_queue, d.parent_id,
  coalesce(d.failures, 0) as failures, coalesce(d.crashes, 0) as crashes, d.progress, null as value, d.error, null as reason,
  w.id as worker, coalesce(d.added, j.seq) as added, coalesce(j.fence, d.started) as started, null::int8 as finished, d.first_failed_at,
  d.last_failed_at, coalesce(d.waits_for, 0) as waits_for, case when d.waits_for > 0 then d.due_at when j.state in (0, 3) then j.seq end as due, j.lane as lane_id`
export const LIVE_JOINS = `left join {s}.details d on j.rare and d.id = j.id
  left join {s}.lanes l on l.id = coalesce(d.due_lane, j.lane) left join {s}.workers w on w.no = j.worker`
export const ENDED_COLUMNS = `e.id, e.state, e.body, e.settings, e.rank, e.seq, e.lane, e.parent_queue, e.parent_id, e.failures,
  e.crashes, e.progress, e.value, e.error, e.reason, null as worker, e.added, e.started, e.seq as finished, e.first_failed_at,
  e.last_failed_at, 0 as waits_for, null::int8 as due, 0 as lane_id`

export async function get(
  store: Store,
  queue: string,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<readonly (JobRecord | null)[]> {
  const uuids = ids.map(uuidOf).filter((id) => id !== null)
  if (uuids.length === 0) return ids.map(() => null)
  const rows = await store.run(
    {
      name: 'panda_get_1',
      text: `select ${LIVE_COLUMNS} from {s}.jobs j ${LIVE_JOINS} where j.id = any ($2::uuid[]) and {s}.belongs($1::int4, j.lane)
        union all select ${ENDED_COLUMNS} from {s}.ended e where e.id = any ($2::uuid[]) and e.queue = $1::int4`,
      values: [await store.lookup(queue), uuids],
      doing: `read jobs of ${queue}`,
    },
    signal,
  )
  const found = new Map(rows.map((row) => [ulidOf(String(row['id'])), recordOf(row)]))
  return ids.map((id) => found.get(id) ?? null)
}

export function recordOf(row: Row): JobRecord {
  const text = (name: string): string | null => (row[name] as string | null) ?? null
  const state = STATES[Number(row['state'])] ?? 'queued'
  const parent = text('parent_id')
  const waitsFor = Number(row['waits_for'])
  return {
    id: ulidOf(String(row['id'])),
    state,
    body: String(row['body']),
    settings: text('settings') ?? '',
    priority: Number(row['rank']) === 0 ? 0 : -Number(row['rank']),
    group: text('lane'),
    parent: parent === null ? null : { queue: text('parent_queue') ?? '', id: ulidOf(parent) },
    failures: Number(row['failures']),
    crashes: Number(row['crashes']),
    progress: text('progress'),
    value: text('value'),
    error: text('error'),
    reason: text('reason'),
    worker: text('worker'),
    addedAt: msOf(String(row['added'])),
    runAt: msOrNull(text('due')),
    startedAt: msOrNull(text('started')),
    finishedAt: msOrNull(text('finished')),
    firstFailedAt: msOrNull(text('first_failed_at')),
    lastFailedAt: msOrNull(text('last_failed_at')),
    waitsFor,
  }
}
