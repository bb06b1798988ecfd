import { sql } from 'kysely'
import { afterEach, describe, expect, it } from 'vitest'
import type { Status } from '../../packages/contract/src/index.ts'
import { newTokenText } from '../../packages/server/src/auth/token-text.ts'
import { Client } from '../support/api-client.ts'
import { migratedDatabase } from '../support/migrated-database.ts'
import { startTestServer, testSecretKey, type TestServer, type TestServerOptions } from '../support/server.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startTestServer(options)
  cleanups.push(async () => server[Symbol.asyncDispose]())
  return server
}

const ready = async (server: TestServer) => (await server.api.fetch('GET', '/readyz')).status

describe('a database that goes away', () => {
  it('is answered with 503 and Retry-After, and all is well by itself when it is back', async () => {
    const database = await migratedDatabase()
    cleanups.push(async () => database[Symbol.asyncDispose]())
    const proxy = await tcpProxy(Number(new URL(database.url).port))
    cleanups.push(async () => proxy[Symbol.asyncDispose]())
    const url = new URL(database.url)
    url.port = String(proxy.port)
    const secretKey = testSecretKey(database.url)
    // Its support connection goes round the proxy.
    const server = await start({ databaseUrl: database.url, config: { databaseUrl: url.href, secretKey } })
    expect(await waitFor('readiness', async () => (await ready(server)) === 200)).toBe(true)

    proxy.cut()
    await waitFor('503', async () => (await ready(server)) === 503)
    const refused = await server.api.call('PUT', '/v1/env/A', { value: '1' })
    expect(refused).toMatchObject({ status: 503, body: { code: 'database_away' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await server.api.fetch('GET', '/healthz')).status).toBe(200)
    expect((await server.api.fetch('GET', '/metrics')).status).toBe(200)

    proxy.mend()
    await waitFor('readiness again', async () => (await ready(server)) === 200, 20_000)
    expect(await server.api.ok('PUT', '/v1/env/A', { value: '1' })).toMatchObject({ value: '1' })
  })
})

describe('several servers on one database', () => {
  it('see each other, each other’s changes, and each other’s end', async () => {
    const first = await start()
    const second = await start({ databaseUrl: first.databaseUrl })
    const all = new Client(second.url, first.token)
    await first.api.ok('POST', '/v1/projects', { name: 'shared' })
    expect(await all.ok('GET', '/v1/cronjobs?project=shared')).toEqual({ items: [], nextCursor: null })
    const both = await first.api.ok<Status>('GET', '/v1/status')
    expect(both.servers.filter((server) => server.alive)).toHaveLength(2)
    expect(both).toMatchObject({
      ready: true,
      database: { kind: 'external', up: true },
      scheduler: { up: true, nextDueAt: null },
      engine: { runtime: 'fake', up: true },
    })
    await second.stop()
    const one = await first.api.ok<Status>('GET', '/v1/status')
    expect(one.servers.map((server) => server.id)).toEqual([one.server])
  })
})

describe('limits', () => {
  it('hold a token to its calls per minute, and say when to come back', async () => {
    const server = await start({ config: { rateLimit: 20 } })
    const other = await server.clientWith(['read'])
    const replies = await Promise.all(Array.from({ length: 30 }, () => server.api.call('GET', '/v1/env')))
    const refused = replies.filter((reply) => reply.status === 429)
    expect(refused).toHaveLength(10)
    expect(refused[0]?.body.code).toBe('too_many_requests')
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect((await other.call('GET', '/v1/env')).status).toBe(200)
  })

  it('hold an address to 30 wrong tokens per minute, without holding up right ones', async () => {
    const server = await start({ config: { rateLimit: 1000 } })
    const stranger = new Client(server.url, 'nonsense')
    const replies = await Promise.all(Array.from({ length: 40 }, () => stranger.call('GET', '/v1/env')))
    expect(replies.map((reply) => reply.status).toSorted((a, b) => a - b)).toEqual([
      ...Array<number>(30).fill(401),
      ...Array<number>(10).fill(429),
    ])
    expect((await server.api.call('GET', '/v1/env')).status).toBe(200)
    // What is well formed would cost a query each.
    const guesses = await Promise.all(
      Array.from({ length: 20 }, () => new Client(server.url, newTokenText()).call('GET', '/v1/env')),
    )
    expect(guesses.map(({ status }) => status)).toEqual(Array(20).fill(429))
    expect((await server.api.call('GET', '/v1/env')).status).toBe(200)
  })
})

describe('/metrics', () => {
  it('are open to this machine, and to nobody else without a token', async () => {
    const server = await start()
    const stranger = new Client(server.url, null)
    await server.api.ok('GET', '/v1/env')
    const open = await stranger.fetch('GET', '/metrics')
    expect(open.status).toBe(200)
    const text = await open.text()
    for (const name of [
      'panda_http_request_duration_seconds_bucket',
      'panda_runs_active{state="running"} 0',
      'panda_cronjobs 0',
      'panda_cron_delay_seconds_count 0',
      'panda_cron_missed_total 0',
      'process_cpu_seconds_total',
    ]) {
      expect(text).toContain(name)
    }
    expect(
      (await stranger.fetch('GET', '/metrics', undefined, { headers: { 'x-forwarded-for': '192.0.2.1' } })).status,
    ).toBe(401)
    const reader = await server.clientWith(['read'])
    expect((await reader.fetch('GET', '/metrics', undefined, { headers: { forwarded: 'for=192.0.2.1' } })).status).toBe(
      200,
    )
    const wide = await start({ databaseUrl: server.databaseUrl, config: { host: '0.0.0.0' } })
    expect((await new Client(wide.url, null).fetch('GET', '/metrics')).status).toBe(401)
    expect(wide.logText()).toContain('listening beyond this machine (0.0.0.0) without TLS')
    expect(server.logText()).not.toContain('listening beyond')
  })
})

describe('a stop', () => {
  it('lets a call that is under way end, refuses what comes then, and leaves nothing connected', async () => {
    const server = await start()
    // A call that waits in the database until we let it go.
    const block = await server.db.connection().execute(async (connection) => {
      await sql`begin`.execute(connection)
      await sql`select pg_advisory_xact_lock(hashtextextended(${`env ${await projectId(server)}`}, 0))`.execute(
        connection,
      )
      const call = server.api.call('PUT', '/v1/env/SLOW', { value: '1' })
      await waitFor('the call to wait', async () => {
        const { rows } = await sql<{ n: number }>`
          select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted`.execute(connection)
        return rows[0]?.n === 1
      })
      const stopped = server.stop()
      await waitFor('the door to close', () =>
        server.api.fetch('GET', '/healthz').then(
          () => false,
          () => true,
        ),
      )
      await sql`commit`.execute(connection)
      return { reply: await call, stopped }
    })
    expect(block.reply).toMatchObject({ status: 200, body: { name: 'SLOW' } })
    await block.stopped
    const { rows } = await sql<{ n: number }>`
      select count(*)::int as n from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and application_name like 'pandastack-%'`.execute(
      server.db,
    )
    expect(rows[0]?.n).toBe(0)
    expect(server.logText()).not.toContain('did not stop properly')
  })
})

async function projectId({ db }: TestServer): Promise<string> {
  return (await db.selectFrom('projects').select('id').where('name', '=', 'default').executeTakeFirstOrThrow()).id
}
