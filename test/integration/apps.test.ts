import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { App, AppDetail, AppLogLine, DeployApp, Instance, Revision } from '../../packages/contract/src/index.ts'
import { FAKE_IMAGES } from '../../packages/server/src/runtime/fake/fake-engine.ts'
import type { Client } from '../support/api-client.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

/** Apps through a whole server, on the fake runtime. */

let server: TestServer
let api: Client
beforeAll(async () => {
  server = await startTestServer()
  api = server.api
})
afterAll(() => server[Symbol.asyncDispose]())

const STEADY: DeployApp = { image: 'your-org/api:1', command: ['forever'] }
const deploy = (name: string, body: DeployApp) => api.ok<AppDetail>('POST', `/v1/apps/${name}/deploys`, body)
const get = (name: string) => api.ok<AppDetail>('GET', `/v1/apps/${name}`)
const live = (app: AppDetail): Instance[] => app.instances.filter(({ finishedAt }) => finishedAt === null)

function reached(name: string, what: (app: AppDetail) => boolean): Promise<AppDetail> {
  return vi.waitUntil(
    async () => {
      const app = await get(name)
      return what(app) ? app : undefined
    },
    { timeout: 20_000, interval: 50 },
  )
}

const ready = (name: string, revision = 1) =>
  reached(name, (app) => app.state === 'ready' && app.readyRevision === revision && live(app).length === app.replicas)

describe.concurrent('a deploy', () => {
  it('makes the app, and is ready when its instances have run for a while', async () => {
    const first = await deploy('steady', { ...STEADY, replicas: 2 })
    expect(first).toMatchObject({ state: 'deploying', revision: 1, readyRevision: null, replicas: 2, ready: 0 })
    const app = await ready('steady')
    expect(app).toMatchObject({ ready: 2, deploy: { state: 'ready', imageDigest: expect.stringMatching(/^sha256:/) } })
    expect(live(app).map(({ slot, state, phase, restarts }) => [slot, state, phase, restarts])).toEqual([
      [1, 'running', 'running', 0],
      [2, 'running', 'running', 0],
    ])
    const { items } = await api.ok<{ items: App[] }>('GET', '/v1/apps')
    expect(items.map(({ name }) => name)).toContain('steady')
  })

  it('replaces the instances only when the new ones are ready, and keeps what it does not name', async () => {
    await deploy('rolling', { ...STEADY, replicas: 2, env: { LEVEL: 'info' }, drain: '7s' })
    const old = live(await ready('rolling')).map(({ id }) => id)
    await deploy('rolling', { image: 'your-org/api:2' })
    const both = await reached('rolling', (app) => live(app).length === 4)
    expect(live(both).filter((each) => old.includes(each.id) && each.ready)).toHaveLength(2)
    const after = await ready('rolling', 2)
    expect(live(after).some(({ id }) => old.includes(id))).toBe(false)
    expect(after.spec).toMatchObject({
      image: 'your-org/api:2',
      env: { LEVEL: 'info' },
      drain: '7s',
      command: ['forever'],
    })
    expect(after.deploy.drained).toMatchObject({ instances: 2, stopping: 0, killed: 0 })
    const { items } = await api.ok<{ items: Revision[] }>('GET', '/v1/apps/rolling/revisions')
    expect(items.map(({ revision, state }) => [revision, state])).toEqual([
      [2, 'ready'],
      [1, 'superseded'],
    ])
  })

  it('that crashes is ended with the reason, and the old instances stay', async () => {
    await deploy('crashy', STEADY)
    const old = live(await ready('crashy')).map(({ id }) => id)
    await deploy('crashy', { command: ['exit', '3', 'print', 'no database'] })
    const failed = await reached('crashy', (app) => app.state === 'failed' && live(app).length === 1)
    expect(failed.deploy).toMatchObject({
      state: 'failed',
      message: 'an instance ended 3 times before it was ready; the last time it exited with code 3',
    })
    expect([failed.readyRevision, live(failed)[0]?.id]).toEqual([1, old[0]])
    const log = await api.ok<{ items: AppLogLine[] }>('GET', '/v1/apps/crashy/logs')
    expect(log.items.filter(({ text }) => text === 'no database').map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  })

  it('whose workers never register is ended when its time is over', async () => {
    await deploy('silent', { ...STEADY, ready: 'registered', readyTimeout: '1s' })
    const failed = await reached(
      'silent',
      ({ state, instances }) => state === 'failed' && instances[0]?.state === 'cancelled',
    )
    expect(failed.deploy.message).toBe('0 of 1 instances were ready within 1s')
    expect(failed.instances[0]).toMatchObject({ reason: 'not-ready', message: 'was ended since its deploy failed' })
  })

  it('of an image that is not there says what the registry said', async () => {
    await deploy('absent', { image: FAKE_IMAGES.missing, command: ['forever'] })
    const failed = await reached('absent', ({ state }) => state === 'failed')
    expect(failed.deploy.message).toContain('the fake registry answered image-not-found')
  })

  it('takes the place of one that is not finished', async () => {
    await deploy('hasty', { ...STEADY, ready: 'registered' })
    await reached('hasty', (app) => live(app).length === 1)
    await deploy('hasty', { ready: 'auto' })
    const app = await ready('hasty', 2)
    expect(live(app).map(({ revision }) => revision)).toEqual([2])
  })

  it('needs an image the first time', async () => {
    const { body } = await api.call('POST', '/v1/apps/nothing/deploys', { command: ['forever'] })
    expect(body).toMatchObject({ status: 404, code: 'not_found', hint: expect.stringContaining('--image') })
    expect((await api.call('GET', '/v1/apps/nothing')).body).toMatchObject({ status: 404, code: 'not_found' })
  })
})

describe.concurrent('an app', () => {
  it('is scaled up and down, and to nothing', async () => {
    await deploy('scaled', STEADY)
    await ready('scaled')
    await api.ok('POST', '/v1/apps/scaled/scale', { replicas: 3 })
    await ready('scaled')
    await api.ok('POST', '/v1/apps/scaled/scale', { replicas: 1 })
    const one = await ready('scaled')
    expect(live(one).map(({ slot }) => slot)).toEqual([1])
    expect(one.instances.filter(({ reason }) => reason === 'scaled-down')).toHaveLength(2)
    await api.ok('POST', '/v1/apps/scaled/scale', { replicas: 0 })
    expect((await ready('scaled')).ready).toBe(0)
  })

  it('starts an instance again that ended by itself, also with 0, later each time', async () => {
    await deploy('ending', { image: 'your-org/api:1', command: ['exit', '0'] })
    await reached('ending', ({ instances }) =>
      instances.some(({ message }) => message === 'ended by itself (exit code 0)'),
    )
    await reached('ending', ({ instances }) => instances.some(({ restarts }) => restarts >= 2))
    const failed = await reached('ending', ({ state }) => state === 'failed')
    expect(failed.deploy.message).toContain('ended 3 times before it was ready')
  })

  it('is stopped and started', async () => {
    await deploy('halting', STEADY)
    await ready('halting')
    await api.ok('POST', '/v1/apps/halting/stop')
    const stopped = await reached('halting', (app) => live(app).length === 0)
    expect([stopped.state, stopped.instances[0]?.message]).toEqual(['stopped', 'its app was stopped'])
    await api.ok('POST', '/v1/apps/halting/start')
    expect(live(await ready('halting'))).toHaveLength(1)
  })

  it('is restarted by new instances, and rolled back exactly', async () => {
    await api.ok('PUT', '/v1/env/SHARED', { value: 'one' })
    await deploy('back', { image: 'your-org/api:1', command: ['forever', 'env', 'SHARED'] })
    await ready('back')
    await api.ok('PUT', '/v1/env/SHARED', { value: 'two' })
    await api.ok('POST', '/v1/apps/back/restart')
    await ready('back', 2)
    await api.ok('POST', '/v1/apps/back/rollbacks', {})
    const back = await ready('back', 3)
    expect(back.deploy).toMatchObject({ rollbackOf: 1, state: 'ready' })
    const { items } = await api.ok<{ items: AppLogLine[] }>('GET', '/v1/apps/back/logs')
    expect(items.map(({ text }) => text)).toEqual(['one', 'two', 'one'])
    const refused = await api.call('POST', '/v1/apps/back/rollbacks', { revision: 99 })
    expect(refused.body).toMatchObject({ status: 409, code: 'conflict' })
  })

  it('is deleted with its instances, and its name is free', async () => {
    await deploy('gone', STEADY)
    const { id } = await ready('gone')
    expect((await api.call('DELETE', '/v1/apps/gone')).status).toBe(204)
    expect((await api.call('GET', '/v1/apps/gone')).status).toBe(404)
    await vi.waitUntil(async () => (await liveOf(id)) === 0, { timeout: 10_000 })
    await deploy('gone', STEADY)
    expect((await ready('gone')).id).not.toBe(id)
  })
})

async function liveOf(appId: string): Promise<number> {
  const rows = await server.db
    .selectFrom('app_instances')
    .select('id')
    .where('app_id', '=', appId)
    .where('state', 'in', ['queued', 'running', 'retrying'])
    .execute()
  return rows.length
}

it('belongs to its project', async () => {
  await api.ok('POST', '/v1/projects', { name: 'shop' })
  await api.ok('POST', '/v1/apps/worker/deploys?project=shop', STEADY)
  expect((await api.call('GET', '/v1/apps/worker')).status).toBe(404)
  const reader = await server.clientWith(['read'], 'shop')
  expect((await reader.call('GET', '/v1/apps/worker?project=shop')).status).toBe(200)
  expect((await reader.call('POST', '/v1/apps/worker/stop?project=shop')).body).toMatchObject({ code: 'forbidden' })
})
