import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
let second: TestServer
beforeAll(async () => {
  server = await startTestServer()
  second = await startTestServer({ databaseUrl: server.databaseUrl })
})
afterAll(async () => {
  await second[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const post = (path: string, body: unknown, key: string, on = server) =>
  on.api.call<Record<string, unknown>>('POST', path, body, { headers: { 'idempotency-key': key } })

async function count(table: 'projects' | 'tokens' | 'idempotency_keys'): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from ${sql.table(table)}`.execute(server.db)
  return rows[0]?.n ?? 0
}

describe('Idempotency-Key', () => {
  it('does the work once and repeats the answer, headers and all', async () => {
    const key = randomUUID()
    const body = { name: 'once', image: 'ok', schedule: '0 8 * * 1', suspended: true }
    const first = await post('/v1/cronjobs', body, key)
    const again = await post('/v1/cronjobs', body, key)
    expect(first.status).toBe(201)
    expect(again.status).toBe(201)
    expect(again.body).toEqual(first.body)
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'))
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    expect(again.headers.get('idempotency-replayed')).toBe('true')
  })

  it('does it once also when twenty callers of two servers ask at the same moment', async () => {
    const key = randomUUID()
    const before = await count('tokens')
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        post('/v1/tokens', { name: 'many', scopes: ['read'] }, key, n % 2 ? server : second),
      ),
    )
    // The two servers know their callers by two tokens, and a key belongs to its token.
    expect(await count('tokens')).toBe(before + 2)
    const created = replies.filter((reply) => reply.status === 201)
    const refused = replies.filter((reply) => reply.status === 409)
    expect(created.length + refused.length).toBe(20)
    expect(new Set(created.map((reply) => reply.body['token'])).size).toBe(2)
    for (const reply of refused) expect(reply.body['code']).toBe('idempotency_in_progress')
  })

  it('does it once for one token on two servers', async () => {
    const key = randomUUID()
    const before = await count('tokens')
    const headers = { 'idempotency-key': key, authorization: `Bearer ${server.token}` }
    const body = { name: 'shared', scopes: ['read'] }
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, n) => (n % 2 ? server : second).api.call('POST', '/v1/tokens', body, { headers })),
    )
    expect(await count('tokens')).toBe(before + 1)
    expect(new Set(replies.map((reply) => reply.status))).toEqual(
      new Set(replies.some((reply) => reply.status === 409) ? [201, 409] : [201]),
    )
  })

  it('refuses the key with another body, another address or another project', async () => {
    const key = randomUUID()
    await post('/v1/projects', { name: 'keyed' }, key)
    const others = [
      post('/v1/projects', { name: 'keyed-2' }, key),
      post('/v1/tokens', { name: 'keyed', scopes: ['read'] }, key),
    ]
    for (const reply of await Promise.all(others)) {
      expect(reply).toMatchObject({ status: expect.toBeOneOf([422, 409]) })
    }
    expect(await post('/v1/projects', { name: 'keyed-2' }, key)).toMatchObject({
      status: 422,
      body: { code: 'idempotency_mismatch' },
    })
  })

  it('keeps no failure: the key is free for a right call, and the failed one changed nothing', async () => {
    const key = randomUUID()
    const before = await count('idempotency_keys')
    expect(await post('/v1/projects', { name: 'default' }, key)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    })
    expect(await count('idempotency_keys')).toBe(before)
    expect((await post('/v1/projects', { name: 'after-failure' }, key)).status).toBe(201)
  })

  it('keeps keys of different tokens apart', async () => {
    const key = randomUUID()
    const other = await server.clientWith(['admin'])
    const mine = await post('/v1/tokens', { name: 'mine', scopes: ['read'] }, key)
    const theirs = await other.call(
      'POST',
      '/v1/tokens',
      { name: 'theirs', scopes: ['read'] },
      { headers: { 'idempotency-key': key } },
    )
    expect(mine.status).toBe(201)
    expect(theirs.status).toBe(201)
  })

  it('stores no answer in the clear', async () => {
    const reply = await post('/v1/tokens', { name: 'hidden', scopes: ['read'] }, randomUUID())
    const { rows } = await sql<{ found: boolean }>`
      select position(convert_to(${String(reply.body['token'])}, 'UTF8') in response) > 0 as found
      from idempotency_keys`.execute(server.db)
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.every((row) => !row.found)).toBe(true)
  })

  it('forgets after a day', async () => {
    const key = randomUUID()
    await post('/v1/projects', { name: 'yesterday' }, key)
    await sql`update idempotency_keys set created_at = now() - interval '25 hours' where key = ${key}`.execute(
      server.db,
    )
    expect(await post('/v1/projects', { name: 'today' }, key)).toMatchObject({ status: 201, body: { name: 'today' } })
  })
})
