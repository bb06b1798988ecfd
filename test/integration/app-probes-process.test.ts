import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppDetail } from '../../packages/contract/src/index.ts'
import { freePort } from '../support/free-port.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** Probes where instances are plain processes of this machine. */

let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ config: { runtime: 'process' } })
})
afterAll(async () => {
  await server.api.call('DELETE', '/v1/apps/api')
  const live = () => server.db.selectFrom('app_instances').select('id').where('finished_at', 'is', null).execute()
  await waitFor('the instances to end', async () => (await live()).length === 0, 60_000)
  await server[Symbol.asyncDispose]()
})

describe('a probe with the process runtime', () => {
  it('over HTTP is asked at 127.0.0.1', async () => {
    const port = await freePort()
    const source = `require('http').createServer((_, answer) => answer.end()).listen(${port}, '127.0.0.1')`
    const body = { image: 'your-org/api:1', command: [process.execPath, '-e', source], probe: { http: `:${port}` } }
    await server.api.ok('POST', '/v1/apps/api/deploys', body)
    const get = () => server.api.ok<AppDetail>('GET', '/v1/apps/api')
    await waitFor('readiness', async () => (await get()).state === 'ready', 60_000)
  })

  it('by command is refused, by a deploy and in a file', async () => {
    const app = { image: 'your-org/api:1', command: ['sleep', '60'], probe: { command: ['true'] } }
    const deploy = await server.api.call('POST', '/v1/apps/other/deploys', app)
    const hint = expect.stringContaining('Give a probe over HTTP')
    expect(deploy.body).toMatchObject({ code: 'exec_unavailable', hint, errors: [{ path: 'probe.command' }] })
    const apply = await server.api.call('POST', '/v1/apply', { manifest: { apps: { other: app } } })
    expect(apply.body).toMatchObject({
      code: 'exec_unavailable',
      detail: expect.stringContaining('the runtime "process" has no inside'),
      errors: [{ path: 'manifest.apps.other.probe.command' }],
    })
    expect((await server.api.call('GET', '/v1/apps/other')).status).toBe(404)
  })
})
