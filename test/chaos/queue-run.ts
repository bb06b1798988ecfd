import { setTimeout as delay } from 'node:timers/promises'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { tempDir } from '../support/temp-dir.ts'
import type { QueueEvidence } from './queue-checker.ts'
import { QueueLogs } from './queue-logs.ts'
import { drawFaults, type FaultPlan, strike } from './queue-nemesis.ts'
import type { ChaosStore } from './queue-stores.ts'
import type { OpenSubject, QueueSubject } from './queue-subject.ts'
import { QueueWorkers } from './queue-workers.ts'
import { seededRandom } from './seeded-random.ts'

export interface RunPlan extends FaultPlan {
  readonly jobs: number
  readonly workers: number
  readonly concurrency: number
  readonly handlerMs: readonly [number, number]
  /** Longer than the lease of the subject. */
  readonly stopMs: number
  /** After the last fault, for what is still to be done. */
  readonly settleMs: number
}

const LANES = 10
const POLL_MS = 250

/**
 * Jobs through real worker processes, while workers and the store are killed, the network is cut and workers stand still.
 * Producer and workers reach the store through the same proxy.
 */
export async function runUnderFaults(
  subject: QueueSubject,
  openStore: () => Promise<ChaosStore>,
  plan: RunPlan,
  seed: number,
): Promise<QueueEvidence> {
  await using store = await openStore()
  await using proxy = await tcpProxy(store.port)
  await using folder = await tempDir('chaos-queue-logs')
  const logs = new QueueLogs(folder.path)
  const url = store.url(proxy.port)
  await using queue = await subject.open(url)
  const { concurrency, handlerMs } = plan
  await using workers = new QueueWorkers({ url, logs, module: subject.worker, concurrency, handlerMs })
  for (let worker = 0; worker < plan.workers; worker++) await workers.add()
  const faults = drawFaults(plan, seededRandom(seed))
  const victims = { store, proxy, workers, logs, stopMs: plan.stopMs }
  await Promise.all([produce(queue, logs, plan), strike(faults, victims)])
  await settled(queue, plan.settleMs)
  const endedAt = Date.now()
  return { ...logs.read(), store: await queue.lists(), endedAt }
}

/** In lanes, evenly over the time of the faults. */
async function produce(queue: OpenSubject, logs: QueueLogs, { jobs, spanMs }: RunPlan): Promise<void> {
  const startedAt = performance.now()
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < jobs) {
      const n = next++
      await delay(Math.max(0, (n / jobs) * spanMs - (performance.now() - startedAt)))
      logs.acknowledged(n, await queue.add(n))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

/** Ends early when all is done; what is left at the limit is for the checker to judge. */
async function settled(queue: OpenSubject, limitMs: number): Promise<void> {
  const startedAt = performance.now()
  while (performance.now() - startedAt < limitMs) {
    if ((await queue.unfinished()) === 0) return
    await delay(POLL_MS)
  }
}
