/** What is said of a Redis at the start. */
import { describe, expect, test } from 'vitest'
import { openRedisQueueDriver } from '../../packages/sdk/src/drivers/redis/index.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { newJob } from '../support/new-job.ts'
import { freshRedis, startRedisServer } from '../support/redis.ts'
import { redisQueueTools } from '../support/redis-queue.ts'

expectNoChildProcesses()
const { opened, plainRedis } = redisQueueTools()

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
    const redis = plainRedis(replica.url)
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
