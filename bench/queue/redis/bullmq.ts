/** BullMQ at its best for this: no history, no metrics. `size` 1 adds one by one, `atOnce` is the worker's concurrency. */
import { Queue, Worker } from 'bullmq'
import { BODY, type Subject } from './subject.ts'

const DATA: unknown = JSON.parse(BODY)
const OPTIONS = { removeOnComplete: true, removeOnFail: true }

export function bullSubject(url: string): Subject {
  const { hostname: host, port } = new URL(url)
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const queue = new Queue('bench', { connection, defaultJobOptions: OPTIONS })
  const addLane = async (jobs: number, size: number) => {
    for (let left = jobs; left > 0; left -= size) {
      if (size === 1) await queue.add('job', DATA)
      else await queue.addBulk(Array.from({ length: Math.min(size, left) }, () => ({ name: 'job', data: DATA })))
    }
  }
  return {
    name: 'bullmq',
    add: async (jobs, size, lanes) => {
      await Promise.all(Array.from({ length: lanes }, async () => addLane(jobs / lanes, size)))
    },
    work: async (concurrency, _lanes, jobs) => {
      const seen = new Set<string | undefined>()
      const worker = new Worker(
        'bench',
        async (job) => {
          seen.add(job.id)
        },
        { connection, concurrency, autorun: false },
      )
      let completed = 0
      const done = new Promise<void>((resolve, reject) => {
        worker.on('completed', () => {
          completed += 1
          if (completed === jobs) resolve()
        })
        worker.on('error', reject)
      })
      void worker.run()
      await done
      await worker.close()
      return seen.size
    },
    close: async () => queue.close(),
  }
}
