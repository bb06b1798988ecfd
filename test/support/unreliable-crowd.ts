import { expect } from 'vitest'
import type { QueueDriver } from '../../packages/sdk/src/queue/driver.ts'
import { Queue } from '../../packages/sdk/src/queue/queue.ts'
import { chooseSeed } from '../chaos/seeded-random.ts'
import { unreliable } from './unreliable-queue.ts'

export interface Crowd {
  readonly jobs: number
  /** Opens one more driver on the same store. */
  readonly open: () => Promise<QueueDriver>
}

const RATE = 0.05
const PROCESSES = 2
const CONCURRENCY = 10
const ADDERS = 16
const FAILS_ONCE_IN = 10

interface Work {
  readonly n: number
}

/**
 * Two processes add jobs and work on them over a store that loses one answer in seven. Every second job has a key under
 * which both processes add it; every tenth fails once. Counted is what the store itself says at the end.
 */
export async function expectExactWork({ jobs, open }: Crowd): Promise<void> {
  const seed = chooseSeed()
  console.log(`unreliable store: PANDA_SEED=${seed}`)
  const honest = await open()
  const drivers = await Promise.all(Array.from({ length: PROCESSES }, open))
  const stores = drivers.map((driver, index) => unreliable(driver, { rate: RATE, seed: seed + index }))
  const options = { allowUnsafeStore: true, patience: '60s', defaults: { backoff: { delay: 5, jitter: 0 } } } as const
  const queues = stores.map(({ driver }) => new Queue<Work, number>('crowd', { ...options, driver }))
  const errors: Error[] = []
  const starts = new Map<string, number>()
  for (const queue of queues) {
    queue.process(
      async (job) => {
        starts.set(job.id, (starts.get(job.id) ?? 0) + 1)
        await new Promise(setImmediate)
        if (job.data.n % FAILS_ONCE_IN === FAILS_ONCE_IN - 1 && job.attempt === 1)
          throw new Error('the first attempt fails')
        return job.data.n
      },
      { concurrency: CONCURRENCY, handleSignals: false, onError: (error) => void errors.push(error) },
    )
  }
  const idsOf = Array.from({ length: jobs }, () => new Set<string>())
  const values = Array.from({ length: jobs }, () => -1)
  const next = Array.from({ length: jobs }, (_, n) => n).values()
  const adder = async () => {
    for (const n of next) {
      const adders = n % 2 === 0 ? queues : queues.slice(0, 1)
      const key = n % 2 === 0 ? { idempotencyKey: `key-${n}` } : {}
      const added = await Promise.all(adders.map((queue) => queue.add({ n }, key)))
      for (const job of added) idsOf[n]?.add(job.id)
      values[n] = (await added[0]?.finished({ timeout: '90s' })) ?? -1
    }
  }
  await Promise.all(Array.from({ length: ADDERS }, adder))
  for (const queue of queues) await queue.close()
  for (const { settled } of stores) await settled()

  expect(errors.filter((error) => !/has failed by chance/.test(error.message))).toEqual([])
  expect(values).toEqual(Array.from({ length: jobs }, (_, n) => n))
  expect(idsOf.filter((ids) => ids.size !== 1)).toEqual([])
  const { totals, counts } = await honest.stats('crowd')
  expect(totals).toMatchObject({ added: jobs, succeeded: jobs, dead: 0 })
  expect({ ...counts, succeeded: 0 }).toEqual({
    ...counts,
    scheduled: 0,
    queued: 0,
    running: 0,
    retrying: 0,
    succeeded: 0,
  })
  // A lost answer costs no attempt: what was claimed in it was not started, what was recorded in it is not run again.
  const all = [...starts.values()].reduce((sum, count) => sum + count, 0)
  expect(all).toBe(jobs + Math.floor(jobs / FAILS_ONCE_IN))
  for (const { faults } of stores) for (const count of Object.values(faults)) expect(count).toBeGreaterThan(0)
  for (const driver of [honest, ...drivers]) await driver.close()
}
