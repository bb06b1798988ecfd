/** What becomes of calls to a Redis that goes away, hangs or loses answers. */
import { describe, expect, test } from 'vitest'
import type { JobResult, NewJob, Signal } from '../../packages/sdk/src/queue/driver.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { newJob, newJobs } from '../support/new-job.ts'
import { freshRedis, startRedisServer } from '../support/redis.ts'
import { lease, want, worker, redisQueueTools } from '../support/redis-queue.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

expectNoChildProcesses()
const { opened, plainRedis } = redisQueueTools()

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
    const redis = plainRedis(url)
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
