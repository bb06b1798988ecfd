// The SDK's own worker, built, with its defaults; what has ended is kept so that the checker can list it.
import { Queue } from '@pandastack/sdk/queue'

export function work(url, concurrency, handle) {
  const queue = new Queue('chaos', { url })
  queue.process((job) => handle(job.data.n, job.id), {
    concurrency,
    keep: { succeeded: { count: 1_000_000, age: '1d' } },
    // A store that is away is what this is about.
    onError: (error) => error.code === 'store_away' || console.error(error),
  })
}
