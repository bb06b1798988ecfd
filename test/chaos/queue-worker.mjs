// A worker as a process of its own, on the built SDK: node queue-worker.mjs URL STARTS EFFECTS CONCURRENCY
// A line of each file is one start, one effect: what the checker counts by, whatever happens to this process.
import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Queue } from '@pandastack/sdk/queue'

const [url, starts, effects, concurrency] = process.argv.slice(2)
const queue = new Queue('chaos', { url })
queue.process(
  async (job) => {
    appendFileSync(starts, `${job.id} ${Date.now()} ${process.pid}\n`)
    await delay(20 + (job.data.n % 5) * 15)
    appendFileSync(effects, `${job.id} ${Date.now()} ${process.pid}\n`)
  },
  { concurrency: Number(concurrency), keep: { succeeded: { count: 1_000_000, age: '1d' } }, onError: () => undefined },
)
process.stdout.write('ready\n')
