// BullMQ's worker as its documentation advises for production: it waits for a Redis that is away for as long as it takes.
import { Worker } from 'bullmq'

export function work(url, concurrency, handle) {
  const { hostname: host, port } = new URL(url)
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const worker = new Worker('chaos', (job) => handle(job.data.n, job.id), { connection, concurrency })
  // A Redis that is away is what this is about; without a listener it would end the process.
  worker.on('error', () => undefined)
}
