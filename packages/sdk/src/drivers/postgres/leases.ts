import type { KeepPolicy, Maintained, Renewed, WorkerInfo } from '../../queue/driver.ts'
import { MAX_CRASHES } from '../../queue/states.ts'
import { keepOf } from './exchange.ts'
import { ulidOf } from './ids.ts'
import type { Store } from './store.ts'

export async function renew(
  store: Store,
  worker: WorkerInfo,
  queues: readonly string[],
  leaseMs: number,
): Promise<Renewed> {
  const ids = await idsOf(store, queues)
  const rows = await store.run({
    name: 'panda_renew_1',
    text: 'select queue, id from {s}.renew_1($1::int4[], $2::text, $3::text, $4::int8)',
    values: [[...ids.keys()], worker.id, worker.about, Math.round(leaseMs)],
    doing: `renew the lease of ${worker.id}`,
  })
  const fresh: string[] = []
  const cancelled = new Map<string, string[]>()
  for (const { queue, id } of rows) {
    const name = ids.get(Number(queue)) ?? ''
    if (typeof id === 'string') cancelled.set(name, [...(cancelled.get(name) ?? []), ulidOf(id)])
    else fresh.push(name)
  }
  return { fresh, cancelled }
}

export async function leave(store: Store, worker: string, queues: readonly string[], keep: KeepPolicy): Promise<void> {
  const ids = await idsOf(store, queues)
  await store.run({
    text: 'select {s}.leave_1($1::int4[], $2::text, $3::int8[])',
    values: [[...ids.keys()], worker, keepOf(keep)],
    doing: `give back the lease of ${worker}`,
  })
}

export async function maintain(
  store: Store,
  queue: string,
  keep: KeepPolicy,
  signal?: AbortSignal,
): Promise<Maintained> {
  const [row] = await store.run(
    {
      name: 'panda_maintain_1',
      text: 'select recovered, dead, again from {s}.maintain_1($1::int4, $2::int4, $3::int8[])',
      values: [await store.queue(queue), MAX_CRASHES, keepOf(keep)],
      doing: `maintain ${queue}`,
    },
    signal,
  )
  const again = row?.['again']
  return {
    recovered: Number(row?.['recovered']),
    dead: Number(row?.['dead']),
    againInMs: typeof again === 'number' ? Math.ceil(again) : null,
  }
}

async function idsOf(store: Store, queues: readonly string[]): Promise<Map<number, string>> {
  const ids = new Map<number, string>()
  for (const name of queues) ids.set(await store.queue(name), name)
  return ids
}
