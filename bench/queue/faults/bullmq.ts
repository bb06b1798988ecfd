import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Queue } from 'bullmq'
import type { OpenSubject, QueueSubject } from '../../../test/chaos/queue-subject.ts'

const UNFINISHED = ['wait', 'active', 'delayed', 'prioritized', 'waiting-children'] as const
const PAUSE_MS = 100

/** Its own `jobId` makes an add that is repeated harmless. What has ended is kept, so that it can be counted. */
export const bullmq: QueueSubject = {
  name: 'BullMQ',
  worker: join(import.meta.dirname, 'work-bullmq.mjs'),
  open: (url) => {
    const { hostname: host, port } = new URL(url)
    const queue = new Queue('chaos', { connection: { host, port: Number(port) } })
    queue.on('error', () => undefined)
    return Promise.resolve(openBullmq(queue))
  },
}

function openBullmq(queue: Queue): OpenSubject {
  return {
    async add(n) {
      const jobId = `job-${n}`
      for (;;) {
        try {
          await queue.add('chaos', { n }, { jobId })
          return jobId
        } catch {
          // Redis is away, or the answer got lost: the same again.
          await delay(PAUSE_MS)
        }
      }
    },
    async unfinished() {
      const counts = await queue.getJobCounts(...UNFINISHED)
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    },
    async lists() {
      return {
        accepted: await queue.getRanges(['completed'], 0, -1),
        acceptances: null,
        open: await queue.getRanges([...UNFINISHED], 0, -1),
        dead: await queue.getRanges(['failed'], 0, -1),
      }
    },
    [Symbol.asyncDispose]: () => queue.close(),
  }
}
