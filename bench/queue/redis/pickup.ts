/** From before the add until the job is there, on an idle queue, one job at a time; producer and worker in one process. */
import { setTimeout as delay } from 'node:timers/promises'
import { Queue, Worker } from 'bullmq'
import { openRedisQueueDriver } from '../../../packages/sdk/src/drivers/redis/index.ts'
import type { JobResult } from '../../../packages/sdk/src/queue/driver.ts'
import { newJob } from '../../../test/support/new-job.ts'
import { BODY } from '../common/payload.ts'
import { lease, QUEUE, REMOVE_AT_ONCE } from './ours.ts'

const SAMPLES = 400
const PAUSE_MS = 8

export async function ourPickup(url: string): Promise<number[]> {
  const producer = openRedisQueueDriver({ url })
  const consumer = openRedisQueueDriver({ url })
  await lease(consumer)
  const sample = pairing()
  let results: JobResult[] = []
  let asking = false
  let again = false
  const ask = async () => {
    again = asking
    if (asking) return
    asking = true
    do {
      again = false
      const { jobs } = await consumer.exchange(QUEUE, 'bench-worker', { results, want: 10, keep: REMOVE_AT_ONCE })
      if (jobs.length > 0) sample.arrived()
      results = jobs.map((claimed) => ({ kind: 'succeeded', job: claimed, value: null }))
      again ||= jobs.length > 0
    } while (again)
    asking = false
  }
  const end = await consumer.listen([QUEUE], () => void ask())
  await ask()
  const times = await sample.take(async () => {
    await producer.add(QUEUE, [newJob({ body: BODY })])
  })
  end()
  await Promise.all([producer.close(), consumer.close()])
  return times
}

export async function bullPickup(url: string): Promise<number[]> {
  const { hostname: host, port } = new URL(url)
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const queue = new Queue('pickup', { connection, defaultJobOptions: { removeOnComplete: true } })
  const sample = pairing()
  const worker = new Worker('pickup', async () => sample.arrived(), { connection, concurrency: 10 })
  await worker.waitUntilReady()
  const times = await sample.take(async () => {
    await queue.add('job', { a: 1 })
  })
  await worker.close()
  await queue.close()
  return times
}

function pairing() {
  let arrived: () => void = () => undefined
  return {
    arrived: () => arrived(),
    take: async (add: () => Promise<void>): Promise<number[]> => {
      const times: number[] = []
      for (let index = 0; index < SAMPLES; index++) {
        const coming = new Promise<void>((resolve) => (arrived = resolve))
        const startedAt = performance.now()
        const adding = add()
        await coming
        times.push(performance.now() - startedAt)
        await adding
        await delay(PAUSE_MS)
      }
      return times
    },
  }
}
