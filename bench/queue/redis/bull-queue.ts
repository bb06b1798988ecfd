/** BullMQ at its best for this: no history, no metrics. */
import { Queue, Worker } from 'bullmq'
import { inLanes, Tally, type Contender } from '../common/contender.ts'
import { DATA } from '../common/payload.ts'

const REMOVE = { removeOnComplete: true, removeOnFail: true }

export function bullConnection(url: string) {
  const { hostname: host, port } = new URL(url)
  return { host, port: Number(port), maxRetriesPerRequest: null }
}

export function openBull(url: string, name = 'bench'): Queue {
  return new Queue(name, { connection: bullConnection(url), defaultJobOptions: REMOVE })
}

export function bullQueue(url: string): Contender {
  const queue = openBull(url)
  return {
    name: 'bullmq',
    addOneByOne: async (inFlight, total) => inLanes(inFlight, total, () => queue.add('job', DATA)),
    addBulk: async (total, data = DATA) => {
      const bulk = () => queue.addBulk(Array.from({ length: 1000 }, () => ({ name: 'job', data })))
      return 1000 * (await inLanes(1, total / 1000, bulk))
    },
    work: async (concurrency, total) => work(url, concurrency, total),
    close: async () => queue.close(),
  }
}

async function work(url: string, concurrency: number, total: number): Promise<number> {
  const tally = new Tally(total)
  const handler = (job: { id?: string }): Promise<void> => {
    tally.call(job.id ?? '')
    return Promise.resolve()
  }
  const worker = new Worker('bench', handler, { connection: bullConnection(url), concurrency })
  worker.on('error', (error) => process.stderr.write(`${error.message}\n`))
  await tally.finished
  await worker.close()
  return tally.rate('bullmq')
}
