/** The contract of all drivers on Redis, and how jobs lie in its memory. */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { openRedisQueueDriver } from '../../packages/sdk/src/drivers/redis/index.ts'
import type { JobResult, NewJob, QueueDriver } from '../../packages/sdk/src/queue/driver.ts'
import { queueDriverContract } from '../../packages/sdk/src/queue/driver-contract.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { newJob, newJobs } from '../support/new-job.ts'
import { freshRedis, startRedisServer } from '../support/redis.ts'
import { drain, lease, NOTHING, SOME, want, worker, redisQueueTools } from '../support/redis-queue.ts'

expectNoChildProcesses()
const { opened, plainRedis } = redisQueueTools()

queueDriverContract('redis', async () => {
  const { url, prefix } = await freshRedis()
  return {
    open: async () => openRedisQueueDriver({ url, prefix }),
    // The server's clock cannot be set.
    advance: async (ms) => delay(ms + 2),
    dispose: async () => undefined,
  }
})

describe('how jobs lie in Redis', () => {
  test('a waiting job of 100 bytes takes at most 300 bytes', async () => {
    await using server = await startRedisServer()
    const redis = plainRedis(server.url)
    const driver = opened({ url: server.url })
    const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
    await driver.add('memory', [newJob()])
    const before = await used()
    const body = JSON.stringify({ text: 'x'.repeat(89) })
    expect(body.length).toBe(100)
    for (let round = 0; round < 20; round++) await driver.add('memory', newJobs(1000, { body }))
    const after = await used()
    expect((after - before) / 20_000).toBeLessThanOrEqual(300)
    await driver.close()
  })

  test('all keys of a queue lie in one slot of a cluster, and nothing is left of jobs that are gone', async () => {
    // A cluster of one: it refuses a script that goes to another slot than the one it was called for.
    await using server = await startRedisServer({ config: { 'cluster-enabled': 'yes' } })
    const redis = plainRedis(server.url)
    await redis.cluster('ADDSLOTSRANGE', 0, 16383)
    await expect.poll(async () => redis.cluster('INFO'), { timeout: 20_000 }).toContain('cluster_state:ok')
    const prefix = 'app'
    const driver = opened({ url: server.url, prefix })
    await everyFeature(driver)
    const keys = await redis.keys(`${prefix}*`)
    const queueKeys = keys.filter((key) => key !== `${prefix}:queues`)
    const slots = await Promise.all(queueKeys.map(async (key) => redis.cluster('KEYSLOT', key)))
    expect(queueKeys.length).toBeGreaterThan(20)
    expect(new Set(slots).size).toBe(1)

    const states = ['queued', 'scheduled', 'retrying', 'succeeded', 'cancelled', 'dead'] as const
    await driver.leave(worker.id, ['q'])
    for (const state of states) {
      const { jobs } = await driver.list('q', { state, limit: 100 })
      const outcomes = await driver.change(
        'q',
        jobs.map(({ id }) => id),
        { kind: 'remove' },
      )
      expect(outcomes.every((outcome) => outcome === 'done')).toBe(true)
    }
    await driver.renew(worker, ['q'], lease)
    await driver.configure('q', { rate: null, groupRate: null, groupConcurrency: 1 })
    await driver.removeSchedule('q', 'daily')
    expect(await drain(driver, 'q')).toEqual([])
    const left = (await redis.keys(`${prefix}:{q}*`)).map((key) => key.slice(`${prefix}:{q}:`.length))
    // The lease, the counters, the what a relay has yet to carry; keys and rate windows go by themselves.
    const expected = /^(l|about|q|rm|rl|e:worker-1|k:.*|rate|rg:.*)$/
    expect(left.filter((key) => !expected.test(key))).toEqual([])
    await driver.close()
  })

  test('a batch larger than what Lua can unpack is stored, claimed and acknowledged', async () => {
    const { url, prefix } = await freshRedis()
    const driver = opened({ url, prefix })
    await driver.renew(worker, ['big'], lease)
    const jobs = newJobs(9000)
    await driver.add('big', jobs)
    const { jobs: claimed } = await driver.exchange('big', worker.id, want(9000))
    expect(claimed.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id))
    const results = claimed.map((job): JobResult => ({ kind: 'succeeded', job, value: '1' }))
    const { refused } = await driver.exchange('big', worker.id, want(0, results, { count: 10_000, ageMs: 60_000 }))
    expect(refused).toEqual([])
    expect((await driver.stats('big')).counts).toMatchObject({ queued: 0, running: 0, succeeded: 9000 })
    const { jobs: redriven } = await driver.list('big', { state: 'succeeded', limit: 9000 })
    expect(redriven.length).toBe(9000)
  })
})

describe('a job that is taken out of a list', () => {
  test('leaves a mark behind, and its later place in the same list is the one that counts', async () => {
    const { url, prefix } = await freshRedis()
    const redis = plainRedis(url)
    const driver = opened({ url, prefix })
    await driver.renew(worker, ['q'], lease)
    const [first, second, third] = newJobs(3) as [NewJob, NewJob, NewJob]
    await driver.add('q', [first, second, third])
    const cancel = { kind: 'cancel', reason: 'no', keep: SOME } as const
    await driver.change('q', [first.id, second.id], cancel)
    await driver.change('q', [first.id], { kind: 'retry' })
    await driver.change('q', [first.id], cancel)
    await driver.change('q', [first.id], { kind: 'retry' })
    await driver.change('q', [third.id], { kind: 'edit', priority: -1 })
    expect((await driver.stats('q')).counts).toMatchObject({ queued: 2, cancelled: 1 })
    const { jobs } = await driver.list('q', { state: 'queued', limit: 10 })
    expect(jobs.map(({ id }) => id)).toEqual([first.id, third.id])
    expect(await drain(driver, 'q', 10)).toEqual([first.id, third.id])
    expect(await redis.exists(`${prefix}:{q}:t`)).toBe(0)
  })

  test('is not searched for in a long list', async () => {
    const { url, prefix } = await freshRedis()
    const redis = plainRedis(url)
    const driver = opened({ url, prefix })
    for (let round = 0; round < 20; round++) await driver.add('long', newJobs(1000))
    const { jobs } = await driver.list('long', { state: 'queued', limit: 20_000 })
    await redis.config('RESETSTAT')
    await driver.change(
      'long',
      jobs.slice(-500).map(({ id }) => id),
      { kind: 'cancel', reason: 'no', keep: NOTHING },
    )
    expect(await redis.info('commandstats')).not.toContain('cmdstat_lrem')
    expect((await driver.stats('long')).counts.queued).toBe(19_500)
  })
})

describe('wake-ups', () => {
  test('come when there is something to claim where there was nothing, and not while a backlog waits', async () => {
    const { url, prefix } = await freshRedis()
    const driver = opened({ url, prefix })
    const heard: string[] = []
    await driver.listen(['q'], (signal) => heard.push(signal.kind))
    await driver.renew(worker, ['q'], lease)
    for (let round = 0; round < 5; round++) await driver.add('q', newJobs(3))
    await driver.exchange('q', worker.id, want(10))
    await driver.add('q', newJobs(3))
    await driver.exchange('q', worker.id, want(10))
    await driver.add('q', newJobs(1))
    // Signals come in order: with this one, all before it have come.
    await driver.configure('q', { paused: true })
    await expect.poll(() => heard).toEqual(['work', 'work', 'settings'])
  })
})

describe('the keeper of leases', () => {
  test('renews over a connection of its own, by what the plan says', async () => {
    const { url, prefix } = await freshRedis()
    const driver = opened({ url, prefix })
    const plan = driver.keeperPlan()
    if (plan === null) throw new Error('Redis has a keeper')
    const { openKeeper } = (await import(
      plan.module
    )) as typeof import('../../packages/sdk/src/drivers/redis/keeper.ts')
    const keeper = await openKeeper(structuredClone(plan.config))
    const first = await keeper.renew(worker, ['a', 'b'], lease)
    expect(first).toEqual({ fresh: ['a', 'b'], cancelled: new Map() })
    await driver.add('a', [newJob()])
    const { jobs } = await driver.exchange('a', worker.id, want(1))
    const ids = jobs.map(({ id }) => id)
    await driver.change('a', ids, { kind: 'cancel', reason: 'no', keep: NOTHING })
    expect(await keeper.renew(worker, ['a', 'b'], lease)).toEqual({ fresh: [], cancelled: new Map([['a', ids]]) })
    await keeper.close()
  })
})

/** Uses every key that the driver has. */
async function everyFeature(driver: QueueDriver): Promise<void> {
  await driver.renew(worker, ['q'], lease)
  const parent = newJob({ children: [{ queue: 'other', job: newJob() }], delayMs: 60_000 })
  const watched = newJob({ priority: 9 })
  await driver.add('q', [
    watched,
    newJob({ key: { value: 'key-1', ttlMs: 60_000 } }),
    newJob({ delayMs: 60_000 }),
    parent,
    ...newJobs(3, { group: 'a' }),
    newJob({ group: 'b' }),
    newJob({ priority: -9, parent: { queue: 'other', id: parent.id } }),
    ...newJobs(10),
  ])
  await driver.configure('q', {
    rate: { limit: 8, perMs: 60_000 },
    groupRate: { limit: 1, perMs: 60_000 },
    groupConcurrency: 2,
  })
  await driver.watch('q', watched.id)
  const { jobs } = await driver.exchange('q', worker.id, want(6, [], SOME))
  const [first, second, third, fourth, fifth] = jobs
  if (!first || !second || !third || !fourth || !fifth) throw new Error('five jobs were expected')
  await driver.note('q', first.id, first.fence, { progress: '1', lines: ['one'] })
  await driver.change('q', [third.id], { kind: 'cancel', reason: 'no more', keep: SOME })
  const results: JobResult[] = [
    { kind: 'succeeded', job: first, value: '1' },
    { kind: 'retry', job: second, delayMs: 60_000, error: '"once"' },
    { kind: 'dead', job: fourth, reason: 'final', error: '"never"' },
    { kind: 'succeeded', job: fifth, value: null },
  ]
  await driver.exchange('q', worker.id, want(3, results, SOME))
  const { jobs: queued } = await driver.list('q', { state: 'queued', limit: 2 })
  await driver.change(
    'q',
    queued.map(({ id }) => id),
    { kind: 'cancel', reason: 'away', keep: SOME },
  )
  await driver.putSchedule('q', { key: 'daily', spec: '{}', dueAt: 1 })
}
