import { createServer } from 'node:net'
import { Client as PgClient } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CheckedEnv, StoreWarning } from '../../packages/contract/src/index.ts'
import { checkStores } from '../../packages/server/src/settings/check-stores.ts'
import { runInProcess } from '../support/cli-io.ts'
import { freePort } from '../support/free-port.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshVhost } from '../support/rabbitmq.ts'
import { startRedisServer } from '../support/redis.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

/** What is said of stores when their variables are set: real Redis, PostgreSQL and RabbitMQ, and ports where none is. */

const PASSWORD = 'hush-hush-password'
const kinds = (warnings: readonly StoreWarning[]) =>
  warnings.map(({ name, trouble, setting }) => [name, trouble, setting].filter(Boolean).join(' '))

describe.concurrent('a store that can be used', () => {
  it('is said nothing of', async () => {
    await using redis = await startRedisServer()
    await using database = await freshDatabase()
    await using vhost = await freshVhost()
    const warnings = await checkStores(
      {
        REDIS_URL: redis.url,
        DATABASE_URL: database.url,
        RABBITMQ_URL: vhost.url,
        PANDA_QUEUE_URL: database.url,
        PANDA_EVENTS_URL: vhost.url,
      },
      15_000,
    )
    expect(warnings).toEqual([])
    // Nothing was made in it.
    const client = new PgClient({ connectionString: database.url })
    await client.connect()
    const { rows } = await client.query("select nspname from pg_namespace where nspname like 'panda%'")
    await client.end()
    expect(rows).toEqual([])
    expect(await vhost.queues()).toEqual([])
  })
})

describe.concurrent('Redis', () => {
  it('that loses data is named by each setting', async () => {
    await using redis = await startRedisServer({
      config: { appendonly: 'no', maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' },
    })
    const warnings = await checkStores({ REDIS_URL: redis.url }, 15_000)
    expect(kinds(warnings)).toEqual(['REDIS_URL loses-data appendonly', 'REDIS_URL loses-data maxmemory-policy'])
    expect(warnings[0]?.hint).toBe('Set "appendonly yes".')
  })

  it('that refuses the password is told without it', async () => {
    await using redis = await startRedisServer({ config: { requirepass: 'right' } })
    const url = `redis://:${PASSWORD}@127.0.0.1:${redis.port}`
    const warnings = await checkStores({ REDIS_URL: url, PANDA_QUEUE_URL: redis.url }, 15_000)
    expect(kinds(warnings)).toEqual(['REDIS_URL login-refused', 'PANDA_QUEUE_URL login-refused'])
    expect(JSON.stringify(warnings)).not.toContain(PASSWORD)
    expect(JSON.stringify(warnings)).not.toContain('127.0.0.1')
  })

  it('that is frozen is given up in time', async () => {
    await using redis = await startRedisServer()
    redis.freeze()
    const startedAt = performance.now()
    const warnings = await checkStores({ REDIS_URL: redis.url }, 1_000)
    redis.thaw()
    expect(kinds(warnings)).toEqual(['REDIS_URL unreachable'])
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })
})

describe.concurrent('PostgreSQL', () => {
  it('is named by what it loses, and when it takes no writes', async () => {
    await using database = await freshDatabase()
    const { pathname } = new URL(database.url)
    const set = async (sql: string) => {
      const client = new PgClient({ connectionString: database.url })
      await client.connect()
      await client.query(sql)
      await client.end()
    }
    await set(`alter database ${pathname.slice(1)} set synchronous_commit = off`)
    const lossy = await checkStores({ DATABASE_URL: database.url }, 15_000)
    expect(kinds(lossy)).toEqual(['DATABASE_URL loses-data synchronous_commit'])
    await set(`alter database ${pathname.slice(1)} set default_transaction_read_only = on`)
    const readOnly = await checkStores({ DATABASE_URL: database.url }, 15_000)
    expect(kinds(readOnly)).toEqual(['DATABASE_URL read-only'])
    expect(JSON.stringify(readOnly)).not.toContain(pathname.slice(1))
  })

  it('without the database, or with a wrong password, is told apart', async () => {
    await using database = await freshDatabase()
    const missing = new URL(database.url)
    missing.pathname = '/not_there'
    expect(kinds(await checkStores({ DATABASE_URL: missing.href }, 15_000))).toEqual(['DATABASE_URL namespace-missing'])
    const stranger = new URL(database.url)
    stranger.username = 'nobody_of_this_name'
    stranger.password = PASSWORD
    const refused = await checkStores({ DATABASE_URL: stranger.href }, 15_000)
    expect(kinds(refused)).toEqual(['DATABASE_URL login-refused'])
    expect(JSON.stringify(refused)).not.toContain(PASSWORD)
  })
})

describe.concurrent('RabbitMQ', () => {
  it('without the vhost, or with a wrong password, is told apart', async () => {
    await using vhost = await freshVhost()
    const missing = new URL(vhost.url)
    missing.pathname = '/not-there'
    const wrong = new URL(vhost.url)
    wrong.password = PASSWORD
    const warnings = await checkStores({ RABBITMQ_URL: missing.href, AMQP_URL: wrong.href }, 15_000)
    expect(kinds(warnings)).toEqual(['RABBITMQ_URL namespace-missing', 'AMQP_URL login-refused'])
    expect(JSON.stringify(warnings)).not.toContain(PASSWORD)
  })
})

describe.concurrent('what is no store', () => {
  it('is told by the kind of trouble alone', async () => {
    const port = await freePort()
    const banner = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-secret-banner\r\n'))
    await new Promise<void>((resolve) => banner.listen(0, '127.0.0.1', resolve))
    const taken = (banner.address() as { port: number }).port
    const warnings = await checkStores(
      {
        REDIS_URL: `redis://127.0.0.1:${port}`,
        DATABASE_URL: `postgres://u:${PASSWORD}@127.0.0.1:${port}/d`,
        RABBITMQ_URL: 'amqp://no-such-host.invalid',
        AMQP_URL: `amqp://127.0.0.1:${taken}`,
        PANDA_QUEUE_URL: `redis://127.0.0.1:${taken}`,
        PANDA_EVENTS_URL: `postgres://u:p@127.0.0.1:${taken}/d`,
      },
      3_000,
    )
    banner.close()
    expect(kinds(warnings)).toEqual([
      'REDIS_URL unreachable',
      'DATABASE_URL unreachable',
      'RABBITMQ_URL unreachable',
      'AMQP_URL unreachable',
      'PANDA_QUEUE_URL unusable',
      'PANDA_EVENTS_URL unreachable',
    ])
    expect(warnings.slice(0, 3).map(({ message }) => message)).toEqual([
      'the server cannot reach it: nothing listens there',
      'the server cannot reach it: nothing listens there',
      'the server cannot reach it: its host name is not known',
    ])
    const text = JSON.stringify(warnings)
    for (const told of ['banner', 'SSH', '127.0.0.1', String(port), PASSWORD]) expect(text).not.toContain(told)
  })
})

describe('panda env set', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startTestServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  const panda = (...argv: string[]) =>
    runInProcess(argv, { env: { PANDA_URL: server.api.url, PANDA_TOKEN: server.token } })
  const stored = async () => (await panda('env', 'list', '-o', 'name')).stdout.trim()

  it('stores the value and warns, on stderr and in JSON', async () => {
    const url = `redis://:${PASSWORD}@127.0.0.1:${await freePort()}`
    const people = await panda('env', 'set', `REDIS_URL=${url}`, 'MODE=x')
    expect(people).toMatchObject({ code: 0, stdout: expect.stringContaining('Set REDIS_URL, MODE.') as string })
    expect(people.stderr).toContain('warning: REDIS_URL: the server cannot reach it: nothing listens there')
    expect(await stored()).toBe('MODE\nREDIS_URL')
    const machine = await panda('env', 'set', `REDIS_URL=${url}`, '-o', 'json')
    const { warnings } = JSON.parse(machine.stdout) as CheckedEnv
    expect(kinds(warnings)).toEqual(['REDIS_URL unreachable'])
    expect(people.stdout + people.stderr + machine.stderr).not.toContain(PASSWORD)
    expect(server.logText()).not.toContain(PASSWORD)
  })

  it('stores nothing with --strict, and does not look with --no-check', async () => {
    const dead = `DATABASE_URL=postgres://u:p@127.0.0.1:${await freePort()}/d`
    const strict = await panda('env', 'set', 'STRICT=x', dead, '--strict')
    expect(strict).toMatchObject({ code: 1, stdout: '' })
    expect(strict.stderr).toContain('error: nothing was set: DATABASE_URL: the server cannot reach it')
    expect(strict.stderr).toContain('code store_check_failed')
    expect(await stored()).not.toContain('STRICT')
    const unchecked = await panda('env', 'set', dead, '--no-check')
    expect(unchecked).toMatchObject({ code: 0, stderr: '' })
    expect((await panda('env', 'set', 'A=b', '--strict', '--no-check')).code).toBe(2)
  })

  it('needs the right to write, and looks only at variables of stores', async () => {
    const reader = await server.clientWith(['read'], 'default')
    const body = { variables: { REDIS_URL: 'redis://127.0.0.1:1' } }
    expect((await reader.call('POST', '/v1/env/check', body)).body).toMatchObject({ code: 'forbidden' })
    const other = await server.api.call('POST', '/v1/env/check', { variables: { HOME_URL: 'redis://127.0.0.1:1' } })
    expect(other.status).toBe(400)
  })
})
