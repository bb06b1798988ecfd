/** What a Redis without room does to jobs that it has. */
import { expect, test } from 'vitest'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { newJobs } from '../support/new-job.ts'
import { startRedisServer } from '../support/redis.ts'
import { drain, lease, redisQueueTools, want, worker } from '../support/redis-queue.ts'

expectNoChildProcesses()
const { opened, plainRedis } = redisQueueTools()

const BODY = JSON.stringify('x'.repeat(1000))
const BATCH = 200

/** Adds until there is no room. @returns the ids of what was accepted */
async function fill(driver: ReturnType<typeof opened>, change: object): Promise<string[]> {
  const accepted: string[] = []
  for (;;) {
    const jobs = newJobs(BATCH, { body: BODY, ...change })
    const refused = await driver.add('full', jobs).then(
      () => null,
      (error: unknown) => error,
    )
    if (refused !== null) {
      expect(refused).toMatchObject({ code: 'store_refused' })
      return accepted
    }
    accepted.push(...jobs.map((job) => job.id))
  }
}

test.each([
  ['plain', {}],
  ['prioritised', { priority: 3 }],
  ['grouped', { group: 'g' }],
])('a full Redis takes no more %s jobs, loses none, and is emptied by its workers', async (_name, change) => {
  await using server = await startRedisServer({ config: { maxmemory: '8mb', 'maxmemory-policy': 'noeviction' } })
  const driver = opened({ url: server.url })
  await driver.renew(worker, ['full'], lease)
  const accepted = await fill(driver, change)
  expect(accepted.length).toBeGreaterThan(BATCH)
  const done = await drain(driver, 'full')
  expect(done).toEqual(accepted)
  const { totals, counts } = await driver.stats('full')
  expect(totals).toMatchObject({ added: accepted.length, succeeded: accepted.length })
  expect(Object.values(counts).every((count) => count === 0)).toBe(true)
})

test('a full Redis renews leases, takes back jobs of dead workers and lets jobs be cancelled', async () => {
  await using server = await startRedisServer({ config: { maxmemory: '8mb', 'maxmemory-policy': 'noeviction' } })
  const redis = plainRedis(server.url)
  const driver = opened({ url: server.url })
  await driver.renew(worker, ['full'], lease)
  const accepted = await fill(driver, {})
  await redis.config('SET', 'maxmemory', '1mb')
  const { jobs } = await driver.exchange('full', worker.id, want(50))
  expect(jobs.map((job) => job.id)).toEqual(accepted.slice(0, 50))
  await driver.renew(worker, ['full'], 1)
  await expect.poll(async () => (await driver.maintain('full')).recovered).toBe(50)
  await driver.renew(worker, ['full'], lease)
  const gone = accepted.slice(-5)
  const cancel = { kind: 'cancel', reason: 'no room', keep: { count: 0, ageMs: 0 } } as const
  expect(await driver.change('full', gone, cancel)).toEqual(gone.map(() => 'done'))
  expect(await drain(driver, 'full')).toEqual(accepted.slice(0, -5))
})
