import type { NewJob } from '../../queue/driver.ts'
import type { StoredSchedule } from '../../queue/schedule-driver.ts'
import { richJobs } from './add.ts'
import type { Row } from './connect.ts'
import type { Store } from './store.ts'

/** Due times are given in whole ms since 1970 and kept as they are, so that a tick can be compared with them. */
const NOW = `{s}.ms_of({s}.stamp())`

export async function putSchedule(store: Store, queue: string, schedule: StoredSchedule): Promise<boolean> {
  const rows = await store.run({
    text: `insert into {s}.schedules as s (queue, key, spec, due_at) values ($1, $2, $3, $4)
      on conflict (queue, key) do update set spec = excluded.spec, due_at = excluded.due_at where s.spec <> excluded.spec
      returning pg_notify({s}.channel_of($1), 's')`,
    values: [await store.queue(queue), schedule.key, schedule.spec, schedule.dueAt],
    doing: `store the schedule ${schedule.key} of ${queue}`,
  })
  return rows.length > 0
}

export async function removeSchedule(store: Store, queue: string, key: string): Promise<boolean> {
  const rows = await store.run({
    text: 'delete from {s}.schedules where queue = $1 and key = $2 returning key',
    values: [await store.lookup(queue), key],
    doing: `remove the schedule ${key} of ${queue}`,
  })
  return rows.length > 0
}

export async function schedules(store: Store, queue: string): Promise<readonly StoredSchedule[]> {
  const rows = await store.run({
    text: 'select key, spec, due_at from {s}.schedules where queue = $1 order by key collate "C"',
    values: [await store.lookup(queue)],
    doing: `read the schedules of ${queue}`,
  })
  return rows.map(scheduleOf)
}

export async function dueSchedules(
  store: Store,
  queue: string,
): Promise<{ readonly due: readonly StoredSchedule[]; readonly now: number; readonly againInMs: number | null }> {
  const [first, ...rows] = await store.run({
    text: `select null as key, null as spec, (select min(due_at) from {s}.schedules where queue = $1 and due_at > ${NOW}) as due_at, ${NOW} as now
      union all (select key, spec, due_at, null from {s}.schedules where queue = $1 and due_at <= ${NOW} order by due_at limit 1000)`,
    values: [await store.lookup(queue)],
    doing: `read the due schedules of ${queue}`,
  })
  const now = Number(first?.['now'])
  const next = first?.['due_at']
  return { due: rows.map(scheduleOf), now, againInMs: next == null ? null : Math.max(0, Number(next) - now) }
}

export async function tick(
  store: Store,
  queue: string,
  key: string,
  dueAt: number,
  nextDueAt: number | null,
  job: NewJob | null,
): Promise<boolean> {
  const [row] = await store.run({
    text: 'select {s}.tick_1($1::int4, $2::text, $3::int8, $4::int8, $5::json) as ticked',
    values: [await store.queue(queue), key, dueAt, nextDueAt, job === null ? null : richJobs([job])],
    doing: `tick the schedule ${key} of ${queue}`,
  })
  return row?.['ticked'] === true
}

function scheduleOf(row: Row): StoredSchedule {
  return {
    key: String(row['key']),
    spec: String(row['spec']),
    dueAt: row['due_at'] == null ? null : Number(row['due_at']),
  }
}
