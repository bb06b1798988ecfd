/** What a Redis may be besides a server of its own: one node of a cluster, a replica, a pair that a sentinel has turned round. */
import { afterEach, expect, test } from 'vitest'
import { Redis } from 'ioredis'
import { Queue } from '../../packages/sdk/src/queue/queue.ts'
import { openRedisQueueDriver } from '../../packages/sdk/src/drivers/redis/index.ts'
import { newJobs } from '../support/new-job.ts'
import { type RedisServer, startRedisServer } from '../support/redis.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

const opened: Queue<{ n: number }, number>[] = []
async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((queue) => queue.close({ grace: 0 })))
}
afterEach(closeAll)

async function withClient<T>(server: RedisServer, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server.url)
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

test('three nodes of a cluster: each queue lies on one of them whole, and another node is named, not worked around', async () => {
  const config = { 'cluster-enabled': 'yes' }
  await using one = await startRedisServer({ config })
  await using two = await startRedisServer({ config })
  await using three = await startRedisServer({ config })
  const nodes = [one, two, three]
  const ranges = [
    [0, 5460],
    [5461, 10_922],
    [10_923, 16_383],
  ] as const
  for (const [index, node] of nodes.entries()) {
    await withClient(node, async (redis) => {
      await redis.cluster('ADDSLOTSRANGE', ...(ranges[index] ?? [0, 0]))
      await redis.cluster('MEET', '127.0.0.1', one.port)
    })
  }
  for (const node of nodes) {
    const state = () => withClient(node, (redis) => redis.cluster('INFO'))
    await expect.poll(state, { timeout: 30_000, interval: 100 }).toMatch(/cluster_state:ok[^]*cluster_known_nodes:3/)
  }
  // By hash slot: where each queue of these names lies.
  const lies = async (queue: string): Promise<number> => {
    const slot = await withClient(one, (redis) => redis.cluster('KEYSLOT', `panda:{${queue}}:q`))
    return ranges.findIndex(([from, to]) => slot >= from && slot <= to)
  }
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const places = await Promise.all(names.map(lies))
  expect(new Set(places).size).toBe(3)
  for (const [n, name] of names.entries()) {
    for (const [index, node] of nodes.entries()) {
      const driver = openRedisQueueDriver({ url: node.url })
      const renewing = driver.configure(name, { paused: false })
      if (index === places[n]) {
        // The register of names has a slot of its own, so only the queue's own keys are asked for.
        await renewing.catch((error: unknown) => expect(error).toMatchObject({ code: 'store_refused' }))
        expect((await driver.stats(name)).counts.queued).toBe(0)
      } else {
        const failure = await driver.stats(name).catch((error: unknown) => error)
        expect(failure).toMatchObject({ code: 'store_refused' })
        expect(String(failure)).toContain(`127.0.0.1:${nodes[places[n] ?? 0]?.port}`)
        await renewing.catch((error: unknown) => expect(error).toMatchObject({ code: 'store_refused' }))
      }
      await driver.close()
    }
  }
})

test('a replica is named as read-only, for adds and for workers', async () => {
  await using primary = await startRedisServer()
  await using replica = await startRedisServer({ config: { replicaof: `127.0.0.1 ${primary.port}` } })
  const queue = new Queue<{ n: number }, number>('q', { url: replica.url, patience: '3s' })
  opened.push(queue)
  await expect(queue.add({ n: 1 })).rejects.toMatchObject({ code: 'read_only' })
  const worker = queue.process(async (job) => job.data.n, { onError: () => undefined })
  await expect(worker.started).rejects.toMatchObject({ code: 'read_only' })
  await closeAll()
})

test('a fail-over behind one address: the replica is made the primary, and consumption goes on within 2 s', async () => {
  await using first = await startRedisServer()
  await using second = await startRedisServer({ config: { replicaof: `127.0.0.1 ${first.port}` } })
  // What a fail-over moves: the address that the application knows.
  await using address = await tcpProxy(first.port)
  const url = `redis://127.0.0.1:${address.port}`
  const [api, work] = [1, 2].map(() => new Queue<{ n: number }, number>('q', { url, patience: '30s' }))
  if (api === undefined || work === undefined) throw new Error('two queues were expected')
  opened.push(api, work)
  await work.process(async (job) => job.data.n, { concurrency: 4, onError: () => undefined }).started
  const before = await Promise.all(Array.from({ length: 50 }, (_, n) => api.add({ n })))
  expect(await Promise.all(before.map((job) => job.finished({ timeout: '20s' })))).toEqual(before.map((_, n) => n))
  await withClient(first, (redis) => redis.wait(1, 5000))

  await first.kill()
  const during = api.add({ n: 51 })
  await withClient(second, (redis) => redis.replicaof('NO', 'ONE'))
  address.retarget(second.port)
  const backAt = Date.now()
  expect(await (await during).finished({ timeout: '20s' })).toBe(51)
  const resumedMs = Date.now() - backAt
  process.stdout.write(`Redis fail-over: consumption went on ${resumedMs} ms after the address did\n`)
  expect(resumedMs).toBeLessThan(2000)
  expect((await api.stats()).totals).toMatchObject({ added: 51, succeeded: 51, crashed: 0 })
  const driver = openRedisQueueDriver({ url })
  await driver.add('q', newJobs(1))
  await driver.close()
  await closeAll()
})
