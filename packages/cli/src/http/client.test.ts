import { describe, expect, it } from 'vitest'
import { json, startStubApi } from '../../../../test/support/stub-api.ts'
import { CliError } from '../errors.ts'
import { Client, segment } from './client.ts'

const clientFor = (url: string, token?: string) => new Client({ url, token, project: 'shop', source: 'test' })

async function failureOf(call: Promise<unknown>): Promise<CliError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (error instanceof CliError) return error
  throw new Error(`expected a CliError, not ${String(error)}`)
}

describe('requests', () => {
  it('carry token, project and, for POST, an Idempotency-Key of their own', async () => {
    await using api = await startStubApi((_, response) => json(response, 200, { ok: true }))
    const client = clientFor(api.url, 'panda_x')
    await client.get('/v1/cronjobs', client.project)
    await client.post('/v1/cronjobs', { name: 'x' }, client.project)
    await client.post('/v1/cronjobs', { name: 'x' })
    const [get, post, other] = api.calls
    expect(get?.headers).toMatchObject({ authorization: 'Bearer panda_x', accept: 'application/json' })
    expect(get?.headers['idempotency-key']).toBeUndefined()
    expect(get?.query.get('project')).toBe('shop')
    expect(post?.body).toEqual({ name: 'x' })
    expect(post?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
    expect(other?.headers['idempotency-key']).not.toBe(post?.headers['idempotency-key'])
  })

  it('keep a path of the address', async () => {
    await using api = await startStubApi((_, response) => json(response, 200, {}))
    await clientFor(`${api.url}/panda/`).get('/v1/status')
    expect(api.calls[0]?.path).toBe('/panda/v1/status')
  })

  it('collect all pages', async () => {
    await using api = await startStubApi(({ query }, response) =>
      json(
        response,
        200,
        query.get('cursor') === null ? { items: [1, 2], nextCursor: 'c' } : { items: [3], nextCursor: null },
      ),
    )
    expect(await clientFor(api.url).all('/v1/cronjobs')).toEqual({ items: [1, 2, 3], nextCursor: null })
    expect(api.calls.map(({ query }) => query.get('limit'))).toEqual(['1000', '1000'])
  })

  it.each([202, 204])('take %d without a body for what it is', async (status) => {
    await using api = await startStubApi((_, response) => {
      response.writeHead(status, status === 202 ? { 'content-length': '0' } : {}).end()
    })
    expect(await clientFor(api.url).post('/v1/x')).toBeUndefined()
  })

  it('encode names, also those that a URL would fold away', () => {
    expect(segment('a/b?c#d')).toBe('a%2Fb%3Fc%23d')
    for (const name of ['..', '.', '']) {
      expect(new URL(`http://x/v1/cronjobs/${segment(name)}`).pathname).toBe('/v1/cronjobs/%20')
    }
  })
})

describe('failures', () => {
  it('are the problem document of the API', async () => {
    const problem = {
      type: 't',
      title: 'T',
      status: 404,
      detail: 'no such',
      code: 'not_found',
      hint: 'h',
      requestId: 'r',
    }
    await using api = await startStubApi((_, response) => json(response, 404, problem))
    expect(await failureOf(clientFor(api.url).get('/v1/x'))).toMatchObject({
      message: 'no such',
      exitCode: 3,
      fields: { code: 'not_found', hint: 'h', requestId: 'r' },
    })
    expect(api.calls).toHaveLength(1)
  })

  it.each([
    ['a page of a proxy', 502, '<html>Bad gateway</html>', 1],
    ['JSON that is no problem', 500, '{"oops":1}', 1],
    ['nothing', 403, '', 4],
    ['a page with 200', 200, '<html>Welcome</html>', 1],
  ])('%s is called an answer that is not ours', async (_, status, body, exitCode) => {
    await using api = await startStubApi((_, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end(body)
    })
    const error = await failureOf(clientFor(api.url).get('/v1/x'))
    expect(error).toMatchObject({ code: 'unexpected_answer', exitCode })
    expect(error.message).toContain(`status ${status}, text/html`)
  })

  it('do not follow a redirect, which would carry the token away', async () => {
    await using other = await startStubApi((_, response) => json(response, 200, {}))
    await using api = await startStubApi((_, response) => {
      response.writeHead(302, { location: `${other.url}/v1/x` }).end()
    })
    expect((await failureOf(clientFor(api.url, 'panda_x').get('/v1/x'))).code).toBe('unexpected_answer')
    expect(other.calls).toHaveLength(0)
  })

  it('below HTTP are retried for GET only', async () => {
    let cuts = 2
    await using api = await startStubApi(({ method }, response) => {
      if (method === 'POST' || cuts-- > 0) response.destroy()
      else json(response, 200, { ok: true })
    })
    expect(await clientFor(api.url).get('/v1/x')).toEqual({ ok: true })
    expect(api.calls).toHaveLength(3)
    expect(await failureOf(clientFor(api.url).post('/v1/x'))).toMatchObject({ code: 'server_unreachable', exitCode: 7 })
    expect(api.calls).toHaveLength(4)
  })

  it('say that nobody listens and what to start', async () => {
    await using api = await startStubApi((_, response) => json(response, 200, {}))
    const { url } = api
    await api[Symbol.asyncDispose]()
    expect((await failureOf(clientFor(url).get('/v1/x'))).fields).toMatchObject({
      why: ['nobody listens at this address'],
      hint: 'Start it with: panda server',
    })
    const remote = await failureOf(clientFor('http://no-such-host.invalid').get('/v1/x'))
    expect(remote.exitCode).toBe(7)
    expect(remote.fields.hint).toContain('PANDA_URL')
  })

  it('say that no answer came in time', async () => {
    await using api = await startStubApi(() => undefined)
    expect(await failureOf(clientFor(api.url).get('/v1/x', {}, { timeoutMs: 50 }))).toMatchObject({
      code: 'timed_out',
      exitCode: 6,
    })
  })
})
