/**
 * A worker as a process of its own: `node --import tsx poisoned-worker.ts QUEUE OPTIONS CONCURRENCY`. A poisonous job kills it
 * without a farewell; each job says when it starts and when it ends.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Queue } from '../../packages/sdk/src/queue/queue.ts'

const [name = '', options = '{}', concurrency = '1'] = process.argv.slice(2)
const queue = new Queue<{ n: number; poison: boolean }, number>(name, {
  ...(JSON.parse(options) as object),
  // Short, so that a death is noticed soon.
  lease: 2000,
  heartbeat: 500,
})

queue.process(
  async ({ data: { n, poison } }) => {
    process.stdout.write(`start ${n}\n`)
    await delay(poison ? 40 : 60)
    if (poison) process.kill(process.pid, 'SIGKILL')
    process.stdout.write(`end ${n}\n`)
    return n
  },
  { concurrency: Number(concurrency) },
)
