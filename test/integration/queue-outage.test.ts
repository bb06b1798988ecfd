/** A queue whose store goes away and comes back, as the application sees it: calls end in their time, work goes on by itself. */
import { afterEach, describe, expect, test } from 'vitest'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import { gate } from '../support/memory-queues.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedis } from '../support/redis.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'

const toEnd: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end()
})

interface Reach {
  readonly url: string
  readonly namespace?: string
  readonly proxy: TcpProxy
}

async function through(target: string): Promise<{ url: string; proxy: TcpProxy }> {
  const url = new URL(target)
  const proxy = await tcpProxy(Number(url.port))
  toEnd.push(async () => proxy[Symbol.asyncDispose]())
  url.hostname = '127.0.0.1'
  url.port = String(proxy.port)
  return { url: url.href, proxy }
}

const STORES: Readonly<Record<string, () => Promise<Reach>>> = {
  redis: async () => {
    const { url, prefix } = await freshRedis()
    return { ...(await through(url)), namespace: prefix }
  },
  postgres: async () => {
    const database = await freshDatabase()
    toEnd.push(() => database.drop())
    return through(database.url)
  },
}

const AWAY = expect.objectContaining({ code: 'store_away' })

describe.each(Object.entries(STORES))('%s', (_name, store) => {
  test.each(['cut', 'stall'] as const)('calls end in their time and work goes on: %s', async (fault) => {
    const { proxy, ...options } = await store()
    const queue = new Queue<{ n: number }, number>('q', { ...options, patience: '1s', allowUnsafeStore: true })
    toEnd.push(() => queue.close({ grace: 0 }))
    const started = gate()
    const go = gate()
    const worker = queue.process(
      async (job) => {
        if (job.data.n === 1) {
          started.open()
          await go.promise
        }
        return job.data.n
      },
      { concurrency: 5, onError: () => undefined, handleSignals: false },
    )
    await worker.started
    const running = await queue.add({ n: 1 })
    await started.promise

    proxy[fault]()
    const data = { n: 2 }
    await Promise.all([
      expect(queue.add(data)).rejects.toEqual(AWAY),
      expect(queue.addBulk([{ data }])).rejects.toEqual(AWAY),
      expect(queue.addFlow({ data })).rejects.toEqual(AWAY),
      expect(queue.schedule('s', '0 3 * * *', { data })).rejects.toEqual(AWAY),
      expect(queue.stats()).rejects.toEqual(AWAY),
      expect(queue.finished('01hf7yat00aaaaaaaaaaaaaaaa')).rejects.toEqual(AWAY),
    ])
    expect(await queue.health()).toMatchObject({ ok: false, problems: ['The store does not answer.'] })
    // The handler ends while nobody can be told.
    go.open()

    proxy.mend()
    await expect.poll(() => addOnceBack(queue), { timeout: 30_000 }).toBe(3)
    expect(await running.finished({ timeout: '20s' })).toBe(1)
    expect(await running.info()).toMatchObject({ crashes: 0, failures: 0 })
    expect(await queue.health()).toMatchObject({ ok: true })
  })
})

/** The first calls may still meet what is left of the outage. */
async function addOnceBack(queue: Queue<{ n: number }, number>): Promise<number | string> {
  try {
    return await (await queue.add({ n: 3 }, { idempotencyKey: 'three' })).finished({ timeout: '20s' })
  } catch (error) {
    return String(error)
  }
}
