import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppDetail, DeployAppInput } from '../../packages/contract/src/index.ts'
import { sharedDocker } from '../support/docker.ts'
import { freePort } from '../support/free-port.ts'
import { testImage } from '../support/images.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** An HTTP API as an app on a real Docker engine, called at its published port. */

let server: TestServer
let image: string
let port: number
beforeAll(async () => {
  const { socketPath } = await sharedDocker()
  image = await testImage('node')
  port = await freePort()
  server = await startTestServer({ config: { runtime: 'docker', dockerHost: `unix://${socketPath}` } })
})
afterAll(async () => {
  const stop = await server.api.call('DELETE', '/v1/apps/api')
  expect([204, 404]).toContain(stop.status)
  await waitFor('the instances to end', async () => (await live()) === 0, 60_000)
  await server[Symbol.asyncDispose]()
})

async function live(): Promise<number> {
  const rows = await server.db.selectFrom('app_instances').select('id').where('finished_at', 'is', null).execute()
  return rows.length
}

/** Answers with its version, the port that it was told and whether others can see it: the interface it listens at. */
const API = (version: string): string[] => [
  'node',
  '-e',
  `require('http').createServer((_, answer) => answer.end('${version} at ' + process.env.PORT)).listen(process.env.PORT)`,
]
const deploy = (body: DeployAppInput) =>
  server.api.ok<AppDetail>('POST', '/v1/apps/api/deploys', { image, pull: 'missing', drain: '1s', ...body })
const get = () => server.api.ok<AppDetail>('GET', '/v1/apps/api')
const ask = async (at = port): Promise<string> => (await fetch(`http://127.0.0.1:${at}/`)).text()
const settled = (what: string, done: (app: AppDetail) => boolean) =>
  waitFor(
    what,
    async () => {
      const app = await get()
      return done(app) && app.ready === 1 && app.instances.filter(({ finishedAt }) => finishedAt === null).length === 1
    },
    120_000,
  )

describe.sequential('an HTTP API as an app on Docker', () => {
  it('answers at its published port', async () => {
    await deploy({ command: API('v1'), port: `${port}:3000` })
    await settled('the first revision', (app) => app.readyRevision === 1)
    expect(await ask()).toBe('v1 at 3000')
  })

  it('answers as the next revision at the same port', async () => {
    await deploy({ command: API('v2') })
    await settled('the second revision', (app) => app.readyRevision === 2)
    expect(await ask()).toBe('v2 at 3000')
  })

  it('goes on answering while a revision is refused whose image is not there', async () => {
    await deploy({ image: 'localhost/panda/no-such-image:1', pull: 'never' })
    await waitFor('the deploy to fail', async () => {
      expect(await ask()).toBe('v2 at 3000')
      return (await get()).state === 'failed'
    })
    expect((await get()).deploy.message).toMatch(/could not be started 3 times; the last time: .*no-such-image/)
    expect(await ask()).toBe('v2 at 3000')
  })

  it('answers again as before when a revision crashes', async () => {
    await deploy({ command: ['sh', '-c', 'exit 3'], image })
    await settled('the old revision to be back', (app) => app.state === 'failed' && app.revision === 4)
    await waitFor('an answer', async () => (await ask().catch(() => '')) === 'v2 at 3000')
  })

  it('is ready when its probe answers, asked at the published port and, without one, in its own network', async () => {
    const probe = { http: ':3000/healthz' }
    await deploy({ command: API('v5'), image, probe })
    await settled('the probe at the published port', (app) => app.readyRevision === 5)
    expect(await ask()).toBe('v5 at 3000')
    await deploy({ port: null, env: { PORT: '3000' } })
    await settled('the probe in the network', (app) => app.readyRevision === 6)
    await deploy({ probe: { http: ':3001' }, readyTimeout: '5s' })
    await settled('the probe of a port at which nobody listens', (app) => app.state === 'failed')
    expect((await get()).deploy.message).toContain('its probe http://:3001/ was refused: nothing listens there')
    await deploy({ port: `${port}:3000`, command: API('v8'), probe, readyTimeout: '2m' })
    await settled('the port again', (app) => app.readyRevision === 8)
  })

  it('is told when something else on the machine has the port, and goes on where it is', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    if (address === null || typeof address === 'string') throw new Error('a TCP server has told no port')
    await deploy({ command: API('v9'), image, port: `${address.port}:3000` })
    await settled('the deploy to fail', (app) => app.state === 'failed' && app.revision === 9)
    other.close()
    expect((await get()).deploy.message).toContain(
      `port ${address.port} of 127.0.0.1 is in use by something else on this machine`,
    )
    expect(await ask()).toBe('v8 at 3000')
  })
})
