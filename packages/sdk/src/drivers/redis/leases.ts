import type { KeepPolicy, Renewed, WorkerInfo } from '../../queue/driver.ts'
import { keepArgument } from './exchange.ts'
import { leaveScript, renewScript } from './lua/leases.ts'
import { Script } from './script.ts'
import type { Store } from './store.ts'

const renewing = new Script(renewScript)
const leaving = new Script(leaveScript)

/** One round trip: the calls for all queues travel together. */
export async function renew(
  store: Store,
  worker: WorkerInfo,
  queues: readonly string[],
  leaseMs: number,
): Promise<Renewed> {
  const answers = await Promise.all(
    queues.map(async (queue) => {
      await store.register(queue)
      const answer = await store.run(renewing, queue, [worker.id, worker.about, Math.round(leaseMs)])
      const [isFresh, ...cancelled] = answer as [number, ...string[]]
      return { queue, isFresh: isFresh === 1, cancelled }
    }),
  )
  return {
    fresh: answers.filter(({ isFresh }) => isFresh).map(({ queue }) => queue),
    cancelled: new Map(answers.filter((each) => each.cancelled.length > 0).map((each) => [each.queue, each.cancelled])),
  }
}

export async function leave(store: Store, worker: string, queues: readonly string[], keep: KeepPolicy): Promise<void> {
  await Promise.all(queues.map(async (queue) => store.run(leaving, queue, [worker, keepArgument(keep)])))
}
