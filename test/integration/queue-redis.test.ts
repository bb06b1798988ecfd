/** What is particular to the driver on Redis: what its server can do to it, and how it lies in the server's memory. */
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { openRedisQueueDriver } from '../../packages/sdk/src/drivers/redis/index.ts'
import type { Exchange, JobResult, NewJob, QueueDriver, Signal } from '../../packages/sdk/src/queue/driver.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { newJob, newJobs } from '../support/new-job.ts'
import { freshRedis, startRedisServer } from '../support/redis.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

expectNoChildProcesses()

const NOTHING = { count: 0, ageMs: 0 }
const SOME = { count: 100, ageMs: 3_600_000 }
const worker = { id: 'worker-1', about: '{}' }
const lease = 60_000

const toClose: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of toClose.toReversed()) await close()
})

function opened(options: Parameters<typeof openRedisQueueDriver>[0]): QueueDriver {
  const driver = openRedisQueueDriver(options)
  toClose.push(async () => driver.close())
  return driver
}

async function plainRedis(url: string): Promise<Redis> {
  const redis = new Redis(url, { retryStrategy: () => null })
  toClose.push(async () => redis.disconnect())
  return redis
}

function want(count: number, results: readonly JobResult[] = [], kept = NOTHING): Exchange {
  return { results, want: count, keep: { succeeded: kept, cancelled: kept, dead: kept } }
}

async function drain(driver: QueueDriver, queue: string, atOnce = 100): Promise<string[]> {
  const done: string[] = []
  let results: JobResult[] = []
  for (;;) {
    const { jobs } = await driver.exchange(queue, worker.id, want(atOnce, results))
    if (jobs.length === 0) return done
    done.push(...jobs.map(({ id }) => id))
    results = jobs.map((job) => ({ kind: 'succeeded', job, value: null }))
  }
}

describe('how jobs lie in Redis', () => {
  test('a waiting job of 100 bytes takes at most 300 bytes', async () => {
    await using server = await startRedisServer()
    const redis = await plainRedis(server.url)
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
    const redis = await plainRedis(server.url)
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
    // The lease, the counters, the marks for idle workers and what a relay has yet to carry; keys and rate windows go by themselves.
    const expected = /^(l|about|q|idle|rm|rl|e:worker-1|k:.*|rate|rg:.*)$/
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
    const redis = await plainRedis(url)
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
    const redis = await plainRedis(url)
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

describe('a call that comes twice', () => {
  test('an id that is there already, or twice in one call, is added once', async () => {
    const { url, prefix } = await freshRedis()
    const driver = opened({ url, prefix })
    await driver.renew(worker, ['q'], lease)
    const [first, second, third] = newJobs(3) as [NewJob, NewJob, NewJob]
    await driver.add('q', [first, second])
    await driver.change('q', [first.id], { kind: 'edit', body: '{"edited":true}' })
    await driver.add('q', [first, second, third])
    await driver.add('q', [third, third, second])
    const fourth = newJob()
    await driver.add('q', [fourth, fourth])
    const { jobs } = await driver.exchange('q', worker.id, want(10))
    expect(jobs.map(({ id }) => id)).toEqual([first.id, second.id, third.id, fourth.id])
    expect(jobs[0]?.body).toBe('{"edited":true}')
    expect((await driver.stats('q')).totals.added).toBe(4)
  })

  test('an answer that got lost on the way is given again', async () => {
    await using server = await startRedisServer()
    await using wire = await tcpProxy(server.port)
    const direct = opened({ url: server.url })
    const driver = opened({ url: `redis://127.0.0.1:${wire.port}`, stallMs: 300 })
    await driver.renew(worker, ['q'], lease)
    await driver.add('q', newJobs(10))
    const claimed = await driver.exchange('q', worker.id, want(2))
    const results = claimed.jobs.map((job): JobResult => ({ kind: 'succeeded', job, value: null }))
    // The server gets the call, and its answer is swallowed.
    wire.deafen()
    const asked = driver.exchange('q', worker.id, want(5, results))
    await expect.poll(async () => (await direct.stats('q')).counts.running).toBe(5)
    wire.mend()
    const answer = await asked
    expect(answer.refused).toEqual([])
    expect(answer.jobs.length).toBe(5)
    expect((await direct.stats('q')).counts).toMatchObject({ running: 5, queued: 3 })
    const rest = answer.jobs.map((job): JobResult => ({ kind: 'succeeded', job, value: null }))
    expect((await driver.exchange('q', worker.id, want(0, rest))).refused).toEqual([])
    await Promise.all([driver.close(), direct.close()])
  })
})

describe('a server that goes away', () => {
  test('calls wait through a kill and go on with its data, and listeners hear that it is back', async () => {
    await using server = await startRedisServer({ config: { appendfsync: 'always' } })
    const driver = opened({ url: server.url })
    const signals: Signal[] = []
    await driver.listen(['q'], (signal) => signals.push(signal))
    await driver.renew(worker, ['q'], lease)
    const jobs = newJobs(20)
    await driver.add('q', jobs)
    await server.kill()
    const late = newJob()
    const added = driver.add('q', [late])
    const answer = driver.exchange('q', worker.id, want(100))
    await server.start()
    expect(await added).toEqual([{ id: late.id, deduplicated: false }])
    const { jobs: claimed } = await answer
    const rest = await driver.exchange('q', worker.id, want(100))
    expect([...claimed, ...rest.jobs].map(({ id }) => id)).toEqual([...jobs, late].map(({ id }) => id))
    await expect.poll(() => signals.some(({ kind }) => kind === 'reconnected')).toBe(true)
    // The new server does not know the subscriptions of the old one, nor its scripts.
    await driver.exchange('q', worker.id, want(1))
    signals.length = 0
    await driver.add('q', [newJob()])
    await expect.poll(() => signals).toEqual([{ kind: 'work', queue: 'q' }])
    await driver.close()
  })

  test('a call gives up after its time with a typed error that names the host and not the password', async () => {
    await using server = await startRedisServer({ config: { requirepass: 'geheim' } })
    const driver = opened({ url: `redis://:geheim@127.0.0.1:${server.port}`, patienceMs: 300 })
    await driver.add('q', [newJob()])
    await server.kill()
    const failure = await driver.add('q', [newJob()]).catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'PandaError', code: 'store_away' })
    expect(String(failure)).toContain(`127.0.0.1:${server.port}`)
    expect(String(failure)).not.toContain('geheim')
    await driver.close()
  })

  test('a server that hangs is noticed, and work goes on when it wakes up', async () => {
    await using server = await startRedisServer()
    const driver = opened({ url: server.url, stallMs: 300 })
    await driver.renew(worker, ['q'], lease)
    await driver.add('q', newJobs(3))
    server.freeze()
    const hanging = opened({ url: server.url, stallMs: 300, patienceMs: 900 })
    await expect(hanging.add('q', [newJob()])).rejects.toMatchObject({ code: 'store_away' })
    const asked = driver.exchange('q', worker.id, want(10))
    server.thaw()
    const { jobs } = await asked
    expect(jobs.length).toBeGreaterThanOrEqual(3)
    await Promise.all([driver.close(), hanging.close()])
  })

  test('a wire that swallows every packet is replaced by a new one', async () => {
    await using server = await startRedisServer()
    await using wire = await tcpProxy(server.port)
    const driver = opened({ url: `redis://127.0.0.1:${wire.port}`, stallMs: 300 })
    const signals: Signal[] = []
    await driver.listen(['q'], (signal) => signals.push(signal))
    await driver.add('q', [newJob()])
    wire.stall()
    const added = driver.add('q', [newJob()])
    // Without a call of its own, the subscriber's pings have to find out.
    wire.mend()
    await added
    await expect.poll(() => signals.some(({ kind }) => kind === 'reconnected'), { timeout: 10_000 }).toBe(true)
    expect((await driver.stats('q')).counts.queued).toBe(2)
    await driver.close()
  })

  test('scripts that the server has forgotten are sent again', async () => {
    const { url, prefix } = await freshRedis()
    const redis = await plainRedis(url)
    const driver = opened({ url, prefix })
    await driver.add('q', [newJob()])
    await redis.script('FLUSH')
    await driver.add('q', [newJob()])
    expect((await driver.stats('q')).counts.queued).toBe(2)
  })

  test('a close ends what waits', async () => {
    await using server = await startRedisServer()
    const driver = opened({ url: server.url })
    await driver.add('q', [newJob()])
    await server.kill()
    const waiting = driver.add('q', [newJob()])
    const failed = expect(waiting).rejects.toMatchObject({ code: 'closed' })
    await driver.close()
    await failed
    await expect(driver.add('q', [newJob()])).rejects.toMatchObject({ code: 'closed' })
  })

  test('a signal ends the wait for it', async () => {
    await using server = await startRedisServer()
    const driver = opened({ url: server.url })
    await driver.add('q', [newJob()])
    await server.kill()
    const ending = new AbortController()
    const waiting = driver.add('q', [newJob()], ending.signal)
    const failed = expect(waiting).rejects.toThrow('enough')
    ending.abort(new Error('enough'))
    await failed
    await driver.close()
  })
})

describe('what is said of a server at the start', () => {
  test('one that keeps everything is fine', async () => {
    await using server = await startRedisServer()
    const driver = opened({ url: server.url })
    expect(await driver.check()).toEqual([])
    await driver.close()
  })

  test('no append-only file and an evicting policy are named with what can be lost', async () => {
    await using server = await startRedisServer({
      config: { appendonly: 'no', maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' },
    })
    const driver = opened({ url: server.url })
    const problems = await driver.check()
    expect(problems.map(({ setting }) => setting)).toEqual(['appendonly', 'maxmemory-policy'])
    expect(problems[0]?.message).toContain('loses every job since its last snapshot')
    expect(problems[1]?.message).toContain('allkeys-lru')
    await driver.close()
  })

  test('an append-only file that is never synced is named', async () => {
    await using server = await startRedisServer({ config: { appendfsync: 'no' } })
    const driver = opened({ url: server.url })
    expect((await driver.check()).map(({ setting }) => setting)).toEqual(['appendfsync'])
    await driver.close()
  })

  test('one that forbids CONFIG and INFO is used, and it says that it could not look', async () => {
    await using server = await startRedisServer({
      config: { user: 'default on nopass ~* &* +@all -config -info' },
    })
    const driver = opened({ url: server.url })
    const problems = await driver.check()
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('does not tell whether it writes'),
      expect.stringContaining('does not tell what it does when its memory is full'),
    ])
    await driver.add('q', [newJob()])
    await driver.close()
  })

  test('a wrong password is told at once, without the password', async () => {
    await using server = await startRedisServer({ config: { requirepass: 'right' } })
    for (const url of [`redis://:wrong-one@127.0.0.1:${server.port}`, `redis://127.0.0.1:${server.port}`]) {
      const driver = opened({ url })
      const failure = await driver.check().catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'unauthorized' })
      expect(String(failure)).toContain(`127.0.0.1:${server.port}`)
      expect(String(failure)).not.toContain('wrong-one')
      await driver.close()
    }
  })

  test('a replica is refused, and a primary that becomes one as well', async () => {
    await using primary = await startRedisServer()
    await using replica = await startRedisServer({ config: { replicaof: `127.0.0.1 ${primary.port}` } })
    const driver = opened({ url: replica.url, patienceMs: 600 })
    await expect(driver.check()).rejects.toMatchObject({ code: 'read_only' })
    await expect(driver.add('q', [newJob()])).rejects.toMatchObject({ code: 'read_only' })
    const redis = await plainRedis(replica.url)
    await redis.replicaof('NO', 'ONE')
    await driver.add('q', [newJob()])
    await driver.close()
  })

  test('nobody at the address', async () => {
    const driver = opened({ url: 'redis://127.0.0.1:1', patienceMs: 200 })
    await expect(driver.check()).rejects.toMatchObject({ code: 'store_away' })
    await driver.close()
  })

  test.each([
    ['http://127.0.0.1', 'invalid_url'],
    ['redis://127.0.0.1/queue', 'invalid_url'],
    ['nonsense', 'invalid_url'],
  ])('%s is no address of a Redis', (url, code) => {
    expect(() => openRedisQueueDriver({ url })).toThrow(expect.objectContaining({ code }))
  })

  test('a queue without a name is refused', async () => {
    const { url, prefix } = await freshRedis()
    const driver = opened({ url, prefix })
    await expect(driver.add('', [newJob()])).rejects.toMatchObject({ code: 'invalid_option' })
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
