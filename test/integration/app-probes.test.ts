import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { AppDetail, ApplyResult, DeployAppInput, Instance } from '../../packages/contract/src/index.ts'
import { noteTold } from '../../packages/server/src/apps/readiness.ts'
import type { Client } from '../support/api-client.ts'
import { runInProcess } from '../support/cli-io.ts'
import { type TempDir, tempDir } from '../support/temp-dir.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

/**
 * Probes through a whole server. Units of the fake engine open no ports and are no programs: an HTTP server of the test
 * stands for each, and a file says what their commands do.
 */

let server: TestServer
let api: Client
let files: TempDir
const open: Server[] = []
beforeAll(async () => {
  server = await startTestServer()
  api = server.api
  files = await tempDir('probes')
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  for (const each of open) each.close()
  await files.remove()
})

/** Answers every call with the status that is set. */
async function program() {
  const calls: string[] = []
  const state = { status: 503 }
  const listener = createServer(({ url = '' }, answer) => {
    calls.push(url)
    answer.writeHead(state.status).end()
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  open.push(listener)
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has told no port')
  const url = `http://:${address.port}/healthz`
  return { calls, listener, state, url, probe: { http: url } }
}

const WEB: DeployAppInput = { image: 'your-org/api:1', command: ['forever'] }
const deploy = (name: string, body: DeployAppInput) => api.ok<AppDetail>('POST', `/v1/apps/${name}/deploys`, body)
const get = (name: string) => api.ok<AppDetail>('GET', `/v1/apps/${name}`)
const live = (app: AppDetail): Instance[] => app.instances.filter(({ finishedAt }) => finishedAt === null)

function reached(name: string, what: (app: AppDetail) => boolean): Promise<AppDetail> {
  return vi.waitUntil(
    async () => {
      const app = await get(name)
      return what(app) ? app : undefined
    },
    { timeout: 60_000, interval: 50 },
  )
}

describe.concurrent('an app with a probe', () => {
  it('is ready when its probe says so, not before, and tells what the probe met', async () => {
    const { calls, state, url, probe } = await program()
    await deploy('probed', { ...WEB, probe })
    const waiting = await reached('probed', ({ instances }) => instances[0]?.message != null)
    expect(waiting).toMatchObject({
      state: 'deploying',
      ready: 0,
      spec: { probe: { http: url, interval: '1s', timeout: '5s' } },
    })
    expect(live(waiting)[0]).toMatchObject({ message: `was not ready: its probe ${url} answered 503`, ready: false })
    // Longer than the five seconds after which one without a probe is ready.
    await vi.waitUntil(() => calls.length >= 7, { timeout: 60_000 })
    expect((await get('probed')).ready).toBe(0)
    state.status = 204
    const ready = await reached('probed', (app) => app.state === 'ready')
    expect(live(ready)[0]).toMatchObject({ ready: true, message: null, restarts: 0 })
    expect(new Set(calls)).toEqual(new Set(['/healthz']))
    const asked = calls.length
    await deploy('probed', { probe: null })
    await reached('probed', (app) => app.readyRevision === 2)
    expect(calls.length, 'what is ready is asked no more').toBe(asked)
  })

  it('fails with the last answer when it is not ready in time, and the old one stays', async () => {
    const { state, url, probe } = await program()
    state.status = 200
    await deploy('failing', { ...WEB, probe })
    const [old] = live(await reached('failing', (app) => app.state === 'ready'))
    state.status = 500
    await deploy('failing', { readyTimeout: '4s' })
    const app = await reached('failing', (one) => one.state === 'failed' && live(one).length === 1)
    expect(app.deploy.message).toBe(
      `0 of 1 instances were ready within 4s; one of the others was not ready: its probe ${url} answered 500`,
    )
    expect([live(app)[0]?.id, live(app)[0]?.ready]).toEqual([old?.id, true])
  })

  it('says that nothing listens', async () => {
    const { listener, url, probe } = await program()
    listener.close()
    await deploy('deaf', { ...WEB, probe, readyTimeout: '4s' })
    const app = await reached('deaf', ({ state }) => state === 'failed')
    expect(app.deploy.message).toContain(`its probe ${url} was refused: nothing listens there`)
  })

  it('is not made ready by the word of its worker', async () => {
    const { state, probe } = await program()
    await deploy('told', { ...WEB, probe, ready: 'registered' })
    await reached('told', ({ instances }) => instances[0]?.message != null)
    const id = (await get('told')).instances[0]?.id ?? ''
    await noteTold(server.db, id, 1, { kind: 'registered' })
    expect((await get('told')).ready).toBe(0)
    state.status = 302
    await reached('told', (app) => app.state === 'ready')
  })

  it('may be a command: ready when it exits with 0, and its last line is the reason until then', async () => {
    const file = join(files.path, 'commanded')
    const command = ['told', file]
    await writeFile(file, '1 waiting for the database')
    await deploy('commanded', { ...WEB, probe: { command } })
    const waiting = await reached('commanded', ({ instances }) => instances[0]?.message != null)
    const message = /^was not ready: its probe "told .+" exited with code 1: waiting for the database$/
    expect(waiting).toMatchObject({ state: 'deploying', ready: 0, spec: { probe: { command } } })
    expect(live(waiting)[0]).toMatchObject({ message: expect.stringMatching(message), ready: false })
    await writeFile(file, '0 ')
    const ready = await reached('commanded', (app) => app.state === 'ready')
    expect(live(ready)[0]).toMatchObject({ ready: true, message: null })
    const shown = await runInProcess(['app', 'get', 'commanded'], {
      env: { PANDA_URL: server.url, PANDA_TOKEN: server.token },
    })
    expect(shown.stdout).toContain(`Probe     ["told","${file}"], every 1s, each within 5s`)
  })

  it('hides secrets in what a command says', async () => {
    await api.ok('PUT', '/v1/secrets/PROBE_KEY', { value: 'very-s3cret-value' })
    await deploy('talking', { ...WEB, probe: { command: ['env', 'PROBE_KEY', 'exit', '1'] }, readyTimeout: '3s' })
    const { deploy: failed } = await reached('talking', ({ state }) => state === 'failed')
    expect(failed.message).toContain('its probe "env PROBE_KEY exit 1" exited with code 1: [redacted]')
  })

  it.each([
    [{ http: 'http://web:3000/healthz' }, 'probe.http', 'names a host, and a probe asks the instance itself'],
    [{ http: 'http:///healthz' }, 'probe.http', 'names no port'],
    [{ http: 'https://:3000/' }, 'probe.http', 'a probe speaks plain HTTP'],
    [{ http: ':3000', timeout: '1h' }, 'probe.timeout', 'use 1s to 5m'],
    [{ command: [] }, 'probe.command', 'must hold at least one word'],
    [{ command: ['CMD', 'true'] }, 'probe.command', 'leave "CMD" out'],
    [{ http: ':3000', command: ['true'] }, 'probe', 'give one of them'],
    [{}, 'probe', 'names nothing to ask'],
    ['http://:3000/healthz', 'probe', 'expected object'],
  ])('refuses %j', async (probe, path, message) => {
    const { body } = await api.call('POST', '/v1/apps/wrong/deploys', { ...WEB, probe })
    expect(body).toMatchObject({ status: 400, code: 'invalid_request', hint: expect.any(String), errors: [{ path }] })
    expect(body.errors?.[0]?.message).toContain(message)
  })

  it('is in panda.yaml, and a file that repeats it changes nothing', async () => {
    const { state, url } = await program()
    state.status = 200
    const manifest = {
      apps: {
        declared: { image: 'your-org/api:1', command: ['forever'], probe: { http: url.slice('http://'.length) } },
      },
    }
    const apply = () => api.ok<ApplyResult>('POST', '/v1/apply', { manifest })
    expect((await apply()).changes).toMatchObject([{ kind: 'app', name: 'declared', action: 'create' }])
    await reached('declared', (app) => app.state === 'ready')
    expect((await apply()).changes).toMatchObject([{ name: 'declared', action: 'unchanged' }])
    manifest.apps.declared.probe.http = `${url}?full=1`
    const [change] = (await apply()).changes
    expect(change).toMatchObject({ action: 'update', fields: [{ path: 'probe.http' }] })
  })
})
