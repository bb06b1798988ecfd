import type { NewJob } from '../../queue/driver.ts'
import type { StoredSchedule } from '../../queue/schedule-driver.ts'
import { addArguments } from './add.ts'
import { dueSchedulesScript, putScheduleScript, tickScript } from './lua/schedules.ts'
import { Script } from './script.ts'
import type { Store } from './store.ts'

const putting = new Script(putScheduleScript)
const looking = new Script(dueSchedulesScript)
const ticking = new Script(tickScript)

export async function putSchedule(store: Store, queue: string, schedule: StoredSchedule): Promise<boolean> {
  await store.register(queue)
  return (await store.run(putting, queue, [schedule.key, schedule.spec, schedule.dueAt ?? ''])) === 1
}

export async function removeSchedule(store: Store, queue: string, key: string): Promise<boolean> {
  const prefix = store.prefixOf(queue)
  const [, removed] = await store.connection.call(async (redis) =>
    Promise.all([redis.zrem(`${prefix}sq`, key), redis.hdel(`${prefix}sd`, key)]),
  )
  return removed === 1
}

export async function schedules(store: Store, queue: string): Promise<readonly StoredSchedule[]> {
  const prefix = store.prefixOf(queue)
  const [specs, times] = await store.connection.call(async (redis) =>
    Promise.all([redis.hgetall(`${prefix}sd`), redis.zrange(`${prefix}sq`, '0', '-1', 'WITHSCORES')]),
  )
  const dueAt = new Map<string, number>()
  for (let index = 0; index < times.length; index += 2) dueAt.set(times[index] ?? '', Number(times[index + 1]))
  return Object.entries(specs).map(([key, spec]) => ({ key, spec, dueAt: dueAt.get(key) ?? null }))
}

export async function dueSchedules(
  store: Store,
  queue: string,
): Promise<{ readonly due: readonly StoredSchedule[]; readonly now: number; readonly againInMs: number | null }> {
  const [now, again, ...rest] = (await store.run(looking, queue, [])) as [number, number, ...string[]]
  const due: StoredSchedule[] = []
  for (let index = 0; index < rest.length; index += 3) {
    due.push({ key: rest[index] ?? '', spec: rest[index + 1] ?? '', dueAt: Number(rest[index + 2]) })
  }
  return { due, now, againInMs: again < 0 ? null : again }
}

export async function tick(
  store: Store,
  queue: string,
  key: string,
  dueAt: number,
  nextDueAt: number | null,
  job: NewJob | null,
): Promise<boolean> {
  const args = [...(job === null ? [] : addArguments(job)), key, dueAt, nextDueAt ?? '']
  return (await store.run(ticking, queue, args)) === 1
}
