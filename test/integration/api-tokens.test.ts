import { stat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Project, Token } from '../../packages/contract/src/index.ts'
import { isTokenText } from '../../packages/server/src/auth/token-text.ts'
import { Client } from '../support/api-client.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
  await server.api.ok('POST', '/v1/projects', { name: 'shop' })
})
afterAll(() => server[Symbol.asyncDispose]())

type Created = Token & { token: string }
type List<T> = { items: T[]; nextCursor: string | null }
const status = async (token: string) => (await new Client(server.url, token).call('GET', '/v1/cronjobs')).status

describe('the first token', () => {
  it('lies in the home, for its owner only, and may do everything', async () => {
    const file = join(server.home, 'token')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const text = (await readFile(file, 'utf8')).trim()
    expect(isTokenText(text)).toBe(true)
    expect(await status(text)).toBe(200)
  })

  it('is made once: a second server on the same database writes none', async () => {
    const second = await startTestServer({ databaseUrl: server.databaseUrl })
    try {
      await expect(stat(join(second.home, 'token'))).rejects.toMatchObject({ code: 'ENOENT' })
    } finally {
      await second[Symbol.asyncDispose]()
    }
  })
})

describe('tokens', () => {
  it('are shown once, work at once, and are refused from the moment they are revoked', async () => {
    const made = await server.api.ok<Created>('POST', '/v1/tokens', { name: 'ci', scopes: ['read', 'run'] })
    expect(await status(made.token)).toBe(200)
    const { items } = await server.api.ok<List<Token>>('GET', '/v1/tokens')
    expect(items.find((token) => token.id === made.id)).toMatchObject({
      name: 'ci',
      scopes: ['read', 'run'],
      project: null,
    })
    expect(JSON.stringify(items)).not.toContain(made.token)
    await server.api.ok('DELETE', `/v1/tokens/${made.id}`)
    expect(await status(made.token)).toBe(401)
  })

  it('end at their time', async () => {
    const expiresAt = new Date(Date.now() + 1500).toISOString()
    const made = await server.api.ok<Created>('POST', '/v1/tokens', { name: 'short', scopes: ['read'], expiresAt })
    expect(await status(made.token)).toBe(200)
    await waitFor('the token to expire', async () => (await status(made.token)) === 401)
  })

  it('remember when they were used', async () => {
    const made = await server.api.ok<Created>('POST', '/v1/tokens', { name: 'used', scopes: ['read'] })
    expect(made.lastUsedAt).toBeNull()
    await status(made.token)
    const used = await waitFor('lastUsedAt', async () => {
      const { items } = await server.api.ok<List<Token>>('GET', '/v1/tokens')
      return items.find((token) => token.id === made.id)?.lastUsedAt ?? undefined
    })
    expect(Math.abs(Date.parse(used) - Date.now())).toBeLessThan(60_000)
  })

  it('of one project make tokens of that project only, and see no others', async () => {
    const shop = await server.clientWith(['admin'], 'shop')
    const made = await shop.ok<Created>('POST', '/v1/tokens', { name: 'mine', scopes: ['admin'] })
    expect(made.project).toBe('shop')
    expect(await shop.call('POST', '/v1/tokens', { name: 'x', scopes: ['read'], project: 'default' })).toMatchObject({
      status: 404,
    })
    const { items } = await shop.ok<List<Token>>('GET', '/v1/tokens')
    expect(new Set(items.map((token) => token.project))).toEqual(new Set(['shop']))
    const projects = await shop.ok<List<Project>>('GET', '/v1/projects')
    expect(projects.items.map((project) => project.name)).toEqual(['shop'])
    expect(await shop.call('POST', '/v1/projects', { name: 'mine' })).toMatchObject({ status: 403 })
  })

  it('and what they open stand in the database as hashes and ciphertexts only', async () => {
    const made = await server.api.ok<Created>(
      'POST',
      '/v1/tokens',
      { name: 'planted', scopes: ['read'] },
      { headers: { 'idempotency-key': 'planted' } },
    )
    const secret = 'planted-secret-7300'
    await server.api.ok('PUT', '/v1/secrets/PLANTED', { value: secret })
    await server.api.ok('PUT', '/v1/secrets/ghcr.io', { kind: 'registry', username: 'me', value: secret })
    const dump = await dumpAll(server)
    for (const planted of [server.token, made.token, made.token.slice(6, 40), secret]) {
      expect(dump).not.toContain(planted)
      expect(dump).not.toContain(Buffer.from(planted).toString('base64').replaceAll('=', ''))
      expect(dump).not.toContain(Buffer.from(planted).toString('hex'))
      expect(server.logText()).not.toContain(planted)
    }
  })
})

/** Every row of every table as text. */
async function dumpAll({ db }: TestServer): Promise<string> {
  const { sql } = await import('kysely')
  const tables = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public'`.execute(db)
  let text = ''
  for (const { name } of tables.rows) {
    const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.table(name)} t`.execute(db)
    text += rows.map((row) => row.row).join('\n')
  }
  expect(text).toContain('planted')
  return text
}
