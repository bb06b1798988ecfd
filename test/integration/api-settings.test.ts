import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EnvVariable, Secret } from '../../packages/contract/src/index.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server[Symbol.asyncDispose]())

type List<T> = { items: T[]; nextCursor: string | null }

describe('env', () => {
  it('sets, replaces, lists by name and unsets one variable at a time', async () => {
    await server.api.ok('PUT', '/v1/env/B', { value: '1' })
    await server.api.ok('PUT', '/v1/env/A', { value: '2' })
    expect(await server.api.ok('PUT', '/v1/env/B', { value: '3' })).toMatchObject({ name: 'B', value: '3' })
    const list = await server.api.ok<List<EnvVariable>>('GET', '/v1/env')
    expect(list.items.map(({ name, value }) => [name, value])).toEqual([
      ['A', '2'],
      ['B', '3'],
    ])
    expect((await server.api.call('DELETE', '/v1/env/A')).status).toBe(204)
    expect((await server.api.call('DELETE', '/v1/env/A')).body).toMatchObject({ status: 404, code: 'not_found' })
  })
})

describe('secrets', () => {
  it('answers names and fingerprints, never values', async () => {
    const first = await server.api.ok<Secret>('PUT', '/v1/secrets/API_KEY', { value: 'very-secret-1' })
    const second = await server.api.ok<Secret>('PUT', '/v1/secrets/API_KEY', { value: 'very-secret-2' })
    expect(second).toMatchObject({ name: 'API_KEY', kind: 'env', cronjob: null, version: 2 })
    expect(second.fingerprint).not.toBe(first.fingerprint)
    expect(JSON.stringify(await server.api.ok('GET', '/v1/secrets'))).not.toContain('very-secret')
  })

  it('says when a value is too short to be hidden in logs', async () => {
    const short = await server.api.ok<Secret>('PUT', '/v1/secrets/PIN', { value: '12345' })
    expect(short.warnings).toEqual(['It is shorter than 6 characters, so it is not hidden in logs.'])
    expect((await server.api.ok<Secret>('PUT', '/v1/secrets/PIN', { value: '123456' })).warnings).toEqual([])
  })

  it('knows one registry by all of its spellings', async () => {
    const login = { kind: 'registry', username: 'me' }
    for (const host of ['https://index.docker.io/v1/', 'Docker.io', 'docker.io'])
      await server.api.ok('PUT', `/v1/secrets/${encodeURIComponent(host)}`, { ...login, value: 'password' })
    const { items } = await server.api.ok<List<Secret>>('GET', '/v1/secrets')
    const registries = items.filter(({ kind }) => kind === 'registry')
    expect(registries).toMatchObject([{ name: 'docker.io', version: 3 }])
    expect((await server.api.call('DELETE', '/v1/secrets/index.docker.io?kind=registry')).status).toBe(204)
  })
})
