/** The queue as applications use it: retries, leases and fences on, as by default. */
import { KEEP, Queue } from './built-sdk.ts'
import { inLanes, Tally, type Contender } from './contender.ts'
import { DATA } from './payload.ts'

export const NAME = 'bench'

/** @param prefetch as `process` takes it; undefined = adaptive, as by default */
export function ourQueue(url: string, prefetch?: number): Contender {
  return {
    name: prefetch === undefined ? 'ours' : `ours, prefetch ${prefetch}`,
    addOneByOne: async (inFlight, total) => {
      const queue = new Queue(NAME, { url })
      await queue.stats()
      const rate = await inLanes(inFlight, total, () => queue.add(DATA))
      await queue.close()
      return rate
    },
    addBulk: async (total, data = DATA) => {
      const queue = new Queue(NAME, { url })
      await queue.stats()
      const bulk = () => queue.addBulk(Array.from({ length: 1000 }, () => ({ data })))
      const rate = 1000 * (await inLanes(1, total / 1000, bulk))
      await queue.close()
      return rate
    },
    work: async (concurrency, total) => work(url, concurrency, total, prefetch),
    close: () => Promise.resolve(),
  }
}

async function work(url: string, concurrency: number, total: number, prefetch?: number): Promise<number> {
  const queue = new Queue(NAME, { url })
  const tally = new Tally(total)
  const options = { concurrency, keep: KEEP, handleSignals: false, ...(prefetch !== undefined && { prefetch }) }
  queue.process((job) => {
    tally.call(job.id)
    return Promise.resolve()
  }, options)
  await tally.finished
  await queue.close()
  await nothingLeft(url)
  return tally.rate('ours')
}

async function nothingLeft(url: string): Promise<void> {
  const queue = new Queue(NAME, { url })
  const { queued, running, retrying, dead } = await queue.counts()
  await queue.close()
  if (queued + running + retrying + dead > 0)
    throw new Error(`left: ${queued} queued, ${running} running, ${dead} dead`)
}
