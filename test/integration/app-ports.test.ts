import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { App, AppDetail, AppLogLine, DeployApp, Instance, Problem } from '../../packages/contract/src/index.ts'
import { FAKE_IMAGES, FAKE_PORT_IN_USE } from '../../packages/server/src/runtime/fake/fake-engine.ts'
import type { Client } from '../support/api-client.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

/** Published ports through a whole server. The fake engine refuses a port that a running unit has, as Docker does. */

let server: TestServer
let api: Client
beforeAll(async () => {
  server = await startTestServer()
  api = server.api
  await api.ok('POST', '/v1/projects', { name: 'other' })
})
afterAll(() => server[Symbol.asyncDispose]())

const WEB: DeployApp = { image: 'your-org/api:1', command: ['forever'] }
const deploy = (name: string, body: DeployApp, project = 'default') =>
  api.ok<AppDetail>('POST', `/v1/apps/${name}/deploys?project=${project}`, body)
const refused = async (path: string, body?: unknown): Promise<Problem> =>
  (await api.call('POST', `/v1/apps/${path}`, body)).body
const get = (name: string) => api.ok<AppDetail>('GET', `/v1/apps/${name}`)
const live = (app: AppDetail): Instance[] => app.instances.filter(({ finishedAt }) => finishedAt === null)
const ofRevision = (app: AppDetail, revision: number) => app.instances.filter((one) => one.revision === revision)

function reached(name: string, what: (app: AppDetail) => boolean): Promise<AppDetail> {
  return vi.waitUntil(
    async () => {
      const app = await get(name)
      return what(app) ? app : undefined
    },
    { timeout: 60_000, interval: 50 },
  )
}

const ready = (name: string, revision = 1) =>
  reached(name, (app) => app.state === 'ready' && app.readyRevision === revision && live(app).length === app.replicas)
const failed = (name: string) =>
  reached(name, (app) => app.state === 'failed' && app.ready === 1 && live(app).length === 1)

/** Of the instances with the port, none starts before the one before it has ended. */
function expectNoOverlap(app: AppDetail): void {
  const started = app.instances.filter(({ startedAt }) => startedAt !== null)
  const inOrder = started.toSorted((a, b) => String(a.startedAt).localeCompare(String(b.startedAt)))
  for (const [index, { finishedAt }] of inOrder.slice(0, -1).entries()) {
    expect(String(finishedAt) <= String(inOrder[index + 1]?.startedAt), JSON.stringify(inOrder)).toBe(true)
  }
}

describe.concurrent('an app with a published port', () => {
  it('says where it is reached, and is told by PORT where to listen', async () => {
    await deploy('told', { ...WEB, port: '4001:3000', env: { PORT: '1' }, command: ['env', 'PORT', 'forever'] })
    const app = await ready('told')
    expect(app.spec.port).toBe('127.0.0.1:4001:3000')
    const { items } = await api.ok<{ items: App[] }>('GET', '/v1/apps')
    expect(items.find(({ name }) => name === 'told')?.spec.port).toBe('127.0.0.1:4001:3000')
    const log = await api.ok<{ items: AppLogLine[] }>('GET', '/v1/apps/told/logs')
    expect(log.items.map(({ text }) => text)).toEqual(['3000'])
  })

  it('is replaced in place: the old instance has ended before the new one starts', async () => {
    await deploy('placed', { ...WEB, port: '4002:3000' })
    const [old] = live(await ready('placed'))
    await deploy('placed', { image: 'your-org/api:2' })
    const app = await ready('placed', 2)
    expectNoOverlap(app)
    expect(live(app)[0]).toMatchObject({ revision: 2, restarts: 0, lastEnd: null, message: null })
    expect(app.instances.find(({ id }) => id === old?.id)).toMatchObject({ reason: 'replaced', state: 'cancelled' })
    expect(app.deploy.drained).toMatchObject({ instances: 1, stopping: 0 })
    await api.ok('POST', '/v1/apps/placed/restart')
    expectNoOverlap(await ready('placed', 3))
  })

  it('moves to another port beside the old instance, without a gap', async () => {
    await deploy('moving', { ...WEB, port: '4003:3000' })
    await ready('moving')
    await deploy('moving', { port: '0.0.0.0:4004:3000' })
    await reached('moving', (app) => live(app).filter((one) => one.phase === 'running').length === 2)
    const app = await ready('moving', 2)
    expect(app.spec.port).toBe('0.0.0.0:4004:3000')
    await deploy('moving', { port: null, replicas: 2 })
    expect((await ready('moving', 3)).spec.port).toBeNull()
  })

  it('goes on untouched when the image of the new revision cannot be had', async () => {
    await deploy('imageless', { ...WEB, port: '4005:3000' })
    const [old] = live(await ready('imageless'))
    await deploy('imageless', { image: FAKE_IMAGES.missing })
    const app = await failed('imageless')
    expect(live(app)[0]).toMatchObject({ id: old?.id, restarts: 0, startedAt: old?.startedAt })
    expect(app.deploy.message).toMatch(/could not be started \d+ times; the last time: .*image-not-found/)
    expect(ofRevision(app, 2).every(({ startedAt }) => startedAt === null)).toBe(true)
  })

  it('comes back with the old revision when the new one does not become ready', async () => {
    await deploy('returning', {
      ...WEB,
      port: '4006:3000',
      env: { LEVEL: 'one' },
      command: ['env', 'LEVEL', 'forever'],
    })
    const [old] = live(await ready('returning'))
    await deploy('returning', { env: { LEVEL: 'two' }, ready: 'registered', readyTimeout: '4s' })
    await reached('returning', (app) => ofRevision(app, 2).some(({ phase }) => phase === 'running'))
    const app = await failed('returning')
    expectNoOverlap(app)
    expect(app.deploy).toMatchObject({ state: 'failed', message: '0 of 1 instances were ready within 4s' })
    expect([app.readyRevision, live(app)[0]?.revision, live(app)[0]?.id === old?.id]).toEqual([1, 1, false])
    const log = await api.ok<{ items: AppLogLine[] }>('GET', '/v1/apps/returning/logs')
    expect(log.items.map(({ text }) => text)).toEqual(['one', 'two', 'one'])
  })

  it('says that something else on the machine has the port, and goes on with the one it has', async () => {
    await deploy('blocked', { ...WEB, port: '4007:3000' })
    const [old] = live(await ready('blocked'))
    await deploy('blocked', { port: `${FAKE_PORT_IN_USE}:3000` })
    const app = await failed('blocked')
    // Three or more: the pass that gives up may come after one more start.
    expect(app.deploy.message).toMatch(
      /^an instance could not be started \d+ times; the last time: port 9 of 127.0.0.1 is in use by something else on this machine$/,
    )
    expect(ofRevision(app, 2)[0]?.lastEnd).toMatchObject({ reason: 'port-in-use', exitCode: null })
    expect(live(app)[0]?.id).toBe(old?.id)
  })

  it('waits for its own instance that takes its time to end', async () => {
    const slow: DeployApp = { ...WEB, port: '4008:3000', command: ['forever', 'ignore-term'], drain: '2s' }
    await deploy('slow', slow)
    await ready('slow')
    await api.ok('POST', '/v1/apps/slow/stop')
    await api.ok('POST', '/v1/apps/slow/start')
    expectNoOverlap(await reached('slow', (app) => app.state === 'ready' && live(app).length === 1))
    await deploy('slow', { drain: '3s' })
    const waiting = await reached('slow', (app) => ofRevision(app, 2)[0]?.message != null)
    expect(ofRevision(waiting, 2)[0]).toMatchObject({
      state: 'queued',
      message: 'its image is there; it waits for the port of the instance before it',
    })
    expectNoOverlap(await ready('slow', 2))
  })

  it('gives the port to the newest of several deploys', async () => {
    await deploy('hasty', { ...WEB, port: '4009:3000' })
    await ready('hasty')
    await deploy('hasty', { ready: 'registered' })
    await reached('hasty', (app) => ofRevision(app, 2).some(({ phase }) => phase === 'running'))
    await deploy('hasty', { env: { N: '3' } })
    await deploy('hasty', { ready: 'auto' })
    const app = await ready('hasty', 4)
    expectNoOverlap(app)
    expect(live(app)).toMatchObject([{ revision: 4, restarts: 0 }])
  })

  it('gives the port back when it is deleted', async () => {
    await deploy('passing', { ...WEB, port: '4010:3000', command: ['forever', 'ignore-term'], drain: '1s' })
    await ready('passing')
    expect((await api.call('DELETE', '/v1/apps/passing')).status).toBe(204)
    expect(await refused('heir/deploys', { ...WEB, port: '4010:3000' })).toMatchObject({
      code: 'port_taken',
      detail: 'The port 4010 of 127.0.0.1 is still held by the app "passing", which was deleted.',
    })
    await vi.waitUntil(
      async () => (await api.call('POST', '/v1/apps/heir/deploys', { ...WEB, port: '4010:3000' })).status === 202,
      { timeout: 20_000, interval: 100 },
    )
    expect(live(await ready('heir'))[0]?.restarts).toBe(0)
  })
})

describe.concurrent('a published port is refused', () => {
  it('to more than one instance, with the reason', async () => {
    const port = '4101:3000'
    expect(await refused('many/deploys', { ...WEB, port, replicas: 2 })).toMatchObject({
      status: 409,
      code: 'port_one_instance',
      detail: 'The app "many" publishes port 4101 of the machine, which only one instance can have; 2 are wanted.',
    })
    expect((await api.call('GET', '/v1/apps/many')).status).toBe(404)
    await deploy('many', { ...WEB, replicas: 3 })
    expect(await refused('many/deploys', { port })).toMatchObject({ code: 'port_one_instance' })
    await deploy('many', { port, replicas: 1 })
    expect(await refused('many/scale', { replicas: 2 })).toMatchObject({
      code: 'port_one_instance',
      hint: expect.stringContaining('panda app deploy many --port none'),
    })
    await api.ok('POST', '/v1/apps/many/scale', { replicas: 0 })
    expect((await get('many')).revision).toBe(2)
  })

  it('when another app has it: by name in the same project, without it to another one', async () => {
    await deploy('first', { ...WEB, port: '4102:3000' })
    expect(await refused('second/deploys', { ...WEB, port: '0.0.0.0:4102:80' })).toMatchObject({
      status: 409,
      code: 'port_taken',
      detail: 'The port 4102 of 0.0.0.0 is published by the app "first" of this project.',
    })
    const foreign = await refused('second/deploys?project=other', { ...WEB, port: '4102:3000' })
    expect(foreign).toMatchObject({ code: 'port_taken' })
    expect(JSON.stringify(foreign)).not.toContain('first')
    await deploy('second', { ...WEB, port: '4103:3000' })
  })

  it('when a rollback wants one that another app has got meanwhile', async () => {
    await deploy('earlier', { ...WEB, port: '4104:3000' })
    await ready('earlier')
    await deploy('earlier', { port: null })
    expect(await refused('later/deploys', { ...WEB, port: '4104:3000' }), 'not ready: it may go back').toMatchObject({
      code: 'port_taken',
    })
    await ready('earlier', 2)
    await deploy('later', { ...WEB, port: '4104:3000' })
    expect(await refused('earlier/rollbacks', { revision: 1 })).toMatchObject({ code: 'port_taken' })
    expect((await get('earlier')).revision).toBe(2)
  })

  it('to all but one of those that want it at the same moment', async () => {
    const names = ['racer-a', 'racer-b', 'racer-c', 'racer-d']
    const answers = await Promise.all(
      names.map((name) => api.call('POST', `/v1/apps/${name}/deploys`, { ...WEB, port: '4105:3000' })),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409, 409, 409])
  })

  it('when it is none', async () => {
    const { body } = await api.call('POST', '/v1/apps/wrong/deploys', { ...WEB, port: '8080' })
    expect(body).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ path: 'port' }] })
    expect(body.errors?.[0]?.message).toContain('write 8080:3000')
  })
})
