/** Jobs large enough that a worker's round trip on Redis fetches them by a command of its own, past Lua. */
import { expect, test } from 'vitest'
import type { ClaimedJob, JobResult } from '../../packages/sdk/src/queue/driver.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { newJob } from '../support/new-job.ts'
import { startRedisServer } from '../support/redis.ts'
import { lease, redisQueueTools, want, worker } from '../support/redis-queue.ts'

expectNoChildProcesses()
const { opened, plainRedis } = redisQueueTools()

const text = (n: number): string => JSON.stringify({ n, text: 'ä€x'.repeat(300) })
const done = (job: ClaimedJob): JobResult => ({ kind: 'succeeded', job, value: null })

test('each large job comes once, whole and in order, past Lua from the second claim on', async () => {
  await using server = await startRedisServer()
  const redis = plainRedis(server.url)
  const driver = opened({ url: server.url })
  const jobs = Array.from({ length: 300 }, (_, n) => newJob({ body: text(n) }))
  await driver.add('large', jobs)
  await driver.renew(worker, ['large'], lease)
  const monitor = await redis.monitor()
  const sources: string[] = []
  const isSeen = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, args: string[], source: string) => {
      if (args[0]?.toLowerCase() === 'hmget' && args[1]?.endsWith(':b')) sources.push(source)
      if (args[0]?.toLowerCase() === 'echo') resolve()
    })
  })
  const bodies: string[] = []
  let results: JobResult[] = []
  for (let claims = 0; claims < 3; claims++) {
    const answer = await driver.exchange('large', worker.id, want(100, results))
    expect(answer.refused).toEqual([])
    bodies.push(...answer.jobs.map(({ body }) => body))
    results = answer.jobs.map(done)
  }
  expect(bodies).toEqual(jobs.map(({ body }) => body))
  await driver.exchange('large', worker.id, want(0, results))
  expect((await driver.stats('large')).counts).toMatchObject({ queued: 0, running: 0 })
  await redis.echo('all of it')
  await isSeen
  monitor.disconnect()
  expect(sources.map((source) => source === 'lua')).toEqual([true, false, false])
  await driver.close()
})

test('a large job that is gone between the claim and its fetch is left out', async () => {
  await using server = await startRedisServer()
  const redis = plainRedis(server.url)
  const driver = opened({ url: server.url })
  const jobs = Array.from({ length: 80 }, (_, n) => newJob({ body: text(n) }))
  await driver.add('large', jobs)
  await driver.renew(worker, ['large'], lease)
  const first = await driver.exchange('large', worker.id, want(40))
  expect(first.jobs).toHaveLength(40)
  const [key] = await redis.keys('*:b')
  await redis.hdel(key ?? '', jobs[50]?.id ?? '')
  const second = await driver.exchange('large', worker.id, want(40, first.jobs.map(done)))
  expect(second.jobs.map(({ id }) => id)).toEqual(jobs.slice(40).flatMap(({ id }, n) => (n === 10 ? [] : [id])))
  await driver.close()
})
