import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ErrorCode, ERRORS, type Problem } from '../../packages/contract/src/index.ts'
import type { Reply } from '../support/api-client.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

/** Every mistake of a caller has its code, its field and a hint: one row each. */

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
  await server.api.ok('POST', '/v1/cronjobs', { ...cronjob, name: 'taken' })
})
afterAll(() => server[Symbol.asyncDispose]())

const cronjob = { name: 'a', image: 'your-org/mailer:latest', schedule: '0 8 * * 1', suspended: true }
const json = (text: string) => ({ raw: { type: 'application/json', text } })
const create = (fields: object) => () => server.api.call('POST', '/v1/cronjobs', { ...cronjob, ...fields })

interface Row {
  readonly mistake: string
  readonly call: () => Promise<Reply<Problem>>
  readonly code: ErrorCode
  /** Path of the one wrong field. */
  readonly field?: string
  readonly says: RegExp
}

const ROWS: readonly Row[] = [
  {
    mistake: 'an unknown address',
    call: () => server.api.call('GET', '/v1/nothing'),
    code: 'route_not_found',
    says: /GET \/v1\/nothing/,
  },
  {
    mistake: 'a method that it has not',
    call: () => server.api.call('PUT', '/v1/cronjobs'),
    code: 'route_not_found',
    says: /PUT/,
  },
  {
    mistake: 'an address that cannot be decoded',
    call: () => server.api.call('GET', '/v1/cronjobs/%E0%A4%A'),
    code: 'invalid_request',
    says: /url/i,
  },
  {
    mistake: 'a very long name in the address',
    call: () => server.api.call('GET', `/v1/cronjobs/${'a'.repeat(400)}`),
    code: 'too_large',
    says: /length/i,
  },
  {
    mistake: 'a body that is no JSON',
    call: () => server.api.call('POST', '/v1/cronjobs', undefined, json('{"name":')),
    code: 'invalid_request',
    says: /JSON/,
  },
  {
    mistake: 'no body',
    call: () => server.api.call('POST', '/v1/cronjobs'),
    code: 'invalid_request',
    says: /expected/,
  },
  {
    mistake: 'an empty body',
    call: () => server.api.call('POST', '/v1/cronjobs', undefined, json('')),
    code: 'invalid_request',
    says: /expected/,
  },
  {
    mistake: 'another content type',
    call: () => server.api.call('POST', '/v1/cronjobs', undefined, { raw: { type: 'text/plain', text: '{}' } }),
    code: 'unsupported_media_type',
    says: /Media Type/i,
  },
  {
    mistake: 'a form',
    call: () =>
      server.api.call('POST', '/v1/cronjobs', undefined, {
        raw: { type: 'multipart/form-data; boundary=x', text: '--x--' },
      }),
    code: 'unsupported_media_type',
    says: /Media Type/i,
  },
  {
    mistake: 'a body over 1 MiB',
    call: create({ env: { BIG: 'x'.repeat(1024 * 1024) } }),
    code: 'too_large',
    says: /large/i,
  },
  {
    mistake: 'variables over 64 KiB',
    call: create({ env: { BIG: 'x'.repeat(70_000) } }),
    code: 'invalid_request',
    field: 'env',
    says: /64 KiB/,
  },
  {
    mistake: '__proto__',
    call: () => server.api.call('POST', '/v1/cronjobs', undefined, json('{"__proto__":{"admin":true}}')),
    code: 'invalid_request',
    says: /__proto__/,
  },
  {
    mistake: 'constructor.prototype',
    call: () => server.api.call('POST', '/v1/cronjobs', undefined, json('{"constructor":{"prototype":{}}}')),
    code: 'invalid_request',
    says: /__proto__/,
  },
  { mistake: 'a field that there is not', call: create({ imgae: 'x' }), code: 'invalid_request', says: /imgae/ },
  { mistake: 'a wrong type', call: create({ cpus: 'many' }), code: 'invalid_request', field: 'cpus', says: /number/ },
  {
    mistake: 'two wrong fields',
    call: create({ cpus: -1, image: '-x' }),
    code: 'invalid_request',
    says: /image.*cpus|cpus.*image/s,
  },
  { mistake: 'a bad name', call: create({ name: 'Weekly Digest' }), code: 'invalid_name', field: 'name', says: /a-z/ },
  {
    mistake: 'a bad name in the address',
    call: () => server.api.call('GET', '/v1/cronjobs/Weekly'),
    code: 'invalid_name',
    field: 'name',
    says: /a-z/,
  },
  {
    mistake: 'a bad image',
    call: create({ image: 'your-org/Mailer:latest' }),
    code: 'invalid_image',
    field: 'image',
    says: /Mailer/,
  },
  {
    mistake: 'an image that looks like an option',
    call: create({ image: '--privileged' }),
    code: 'invalid_image',
    field: 'image',
    says: /--privileged/,
  },
  {
    mistake: 'a bad schedule',
    call: create({ schedule: '61 * * * *' }),
    code: 'invalid_schedule',
    field: 'schedule',
    says: /minute/,
  },
  {
    mistake: 'an empty schedule',
    call: create({ schedule: '' }),
    code: 'invalid_schedule',
    field: 'schedule',
    says: /schedule/i,
  },
  {
    mistake: 'a schedule that never fires',
    call: create({ schedule: '0 0 30 2 *' }),
    code: 'invalid_schedule',
    field: 'schedule',
    says: /never/,
  },
  {
    mistake: 'an unknown zone',
    call: create({ timezone: 'Europe/Berlln' }),
    code: 'invalid_timezone',
    field: 'timezone',
    says: /Berlln/,
  },
  {
    mistake: 'a bad duration',
    call: create({ timeout: 'soon' }),
    code: 'invalid_request',
    field: 'timeout',
    says: /duration/,
  },
  { mistake: 'a name that is taken', call: create({ name: 'taken' }), code: 'conflict', says: /taken/ },
  {
    mistake: 'an unknown project',
    call: () => server.api.call('GET', '/v1/cronjobs?project=nowhere'),
    code: 'project_not_found',
    says: /nowhere/,
  },
  {
    mistake: 'a bad project',
    call: () => server.api.call('GET', '/v1/cronjobs?project=No!'),
    code: 'invalid_name',
    field: 'project',
    says: /a-z/,
  },
  {
    mistake: 'two projects',
    call: () => server.api.call('GET', '/v1/cronjobs?project=a&project=b'),
    code: 'invalid_name',
    field: 'project',
    says: /string/,
  },
  {
    mistake: 'an unknown cronjob',
    call: () => server.api.call('GET', '/v1/cronjobs/nothing'),
    code: 'not_found',
    says: /nothing/,
  },
  {
    mistake: 'a filter that there is not',
    call: () => server.api.call('GET', '/v1/cronjobs?stat=failed'),
    code: 'invalid_request',
    says: /stat/,
  },
  {
    mistake: 'a limit over 1000',
    call: () => server.api.call('GET', '/v1/cronjobs?limit=1001'),
    code: 'invalid_request',
    field: 'limit',
    says: /1000/,
  },
  {
    mistake: 'a cursor of somebody else',
    call: () => server.api.call('GET', '/v1/cronjobs?cursor=abc'),
    code: 'invalid_cursor',
    says: /abc/,
  },
  {
    mistake: 'an old revision',
    call: () => server.api.call('PATCH', '/v1/cronjobs/taken', { cpus: 2 }, { headers: { 'if-match': '"7"' } }),
    code: 'version_conflict',
    says: /revision 1/,
  },
  {
    mistake: 'an If-Match that is no ETag',
    call: () => server.api.call('PATCH', '/v1/cronjobs/taken', { cpus: 2 }, { headers: { 'if-match': 'seven' } }),
    code: 'invalid_request',
    field: 'if-match',
    says: /ETag/,
  },
  {
    mistake: 'NUL in a text',
    call: () => server.api.call('POST', '/v1/tokens', { name: 'a\0b', scopes: ['read'] }),
    code: 'invalid_request',
    says: /NUL/,
  },
  {
    mistake: 'a token that has expired already',
    call: () =>
      server.api.call('POST', '/v1/tokens', { name: 'a', scopes: ['read'], expiresAt: '2001-01-01T00:00:00Z' }),
    code: 'invalid_request',
    field: 'expiresAt',
    says: /past/,
  },
  {
    mistake: 'a token for an unknown project',
    call: () => server.api.call('POST', '/v1/tokens', { name: 'a', scopes: ['read'], project: 'nowhere' }),
    code: 'project_not_found',
    says: /nowhere/,
  },
  {
    mistake: 'a variable name with a dash',
    call: () => server.api.call('PUT', '/v1/env/A-B', { value: '1' }),
    code: 'invalid_request',
    field: 'name',
    says: /digits/,
  },
  {
    mistake: 'a registry without a user',
    call: () => server.api.call('PUT', '/v1/secrets/ghcr.io', { kind: 'registry', value: 'x' }),
    code: 'invalid_request',
    field: 'username',
    says: /user name/,
  },
  {
    mistake: 'a secret of an unknown cronjob',
    call: () => server.api.call('PUT', '/v1/secrets/A', { value: 'x', cronjob: 'nothing' }),
    code: 'not_found',
    says: /nothing/,
  },
  {
    mistake: 'deleting the default project',
    call: () => server.api.call('DELETE', '/v1/projects/default'),
    code: 'conflict',
    says: /default/,
  },
  {
    mistake: 'a project that is there',
    call: () => server.api.call('POST', '/v1/projects', { name: 'default' }),
    code: 'conflict',
    says: /default/,
  },
  {
    mistake: 'a key of 300 characters',
    call: () =>
      server.api.call('POST', '/v1/projects', { name: 'b' }, { headers: { 'idempotency-key': 'k'.repeat(300) } }),
    code: 'invalid_request',
    says: /255/,
  },
]

describe('a problem document', () => {
  it.each(ROWS)('tells $mistake: $code', async ({ call, code, field, says }) => {
    const { status, headers, body } = await call()
    expect(body).toMatchObject({ code, status: ERRORS[code].status, title: ERRORS[code].title })
    expect(status).toBe(ERRORS[code].status)
    expect(body.detail).toMatch(says)
    expect(body.hint).not.toBe('')
    if (field !== undefined) expect(body.errors?.map((error) => error.path)).toEqual([field])
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(headers.get('x-request-id')).toBe(body.requestId)
  })

  it("carries the caller's request id, unless it is no id", async () => {
    const given = await server.api.call('GET', '/v1/nothing', undefined, { headers: { 'x-request-id': 'trace-1' } })
    expect(given.body.requestId).toBe('trace-1')
    const bad = await server.api.call('GET', '/v1/nothing', undefined, { headers: { 'x-request-id': '<script>' } })
    expect(bad.body.requestId).toMatch(/^req_[0-9a-f]{32}$/)
  })
})
