import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Alert, AppDetail, ApplyResult, Revision } from '../../packages/contract/src/index.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

/** `POST /v1/apply` with apps and references, each test in a project of its own, on the fake runtime. */

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const worker = { image: 'your-org/api:1', command: ['forever'] }
const hook = { kind: 'webhook', url: 'https://hooks.example.com/x' }

class Project {
  readonly name: string
  private constructor(name: string) {
    this.name = name
  }

  static async make(name: string): Promise<Project> {
    await server.api.ok('POST', '/v1/projects', { name })
    return new Project(name)
  }

  call<T>(method: string, path: string, body?: unknown) {
    return server.api.call<T>(method, `${path}?project=${this.name}`, body)
  }

  ok<T>(method: string, path: string, body?: unknown): Promise<T> {
    return server.api.ok<T>(method, `${path}?project=${this.name}`, body)
  }

  apply(manifest: object, more: object = {}): Promise<ApplyResult> {
    return this.ok('POST', '/v1/apply', { manifest, ...more })
  }

  app(name: string): Promise<AppDetail> {
    return this.ok('GET', `/v1/apps/${name}`)
  }

  async reached(name: string, what: (app: AppDetail) => boolean): Promise<AppDetail> {
    const look = async () => {
      const app = await this.app(name)
      return what(app) ? app : undefined
    }
    return vi.waitUntil(look, { timeout: 20_000, interval: 50 })
  }

  ready(name: string, revision: number): Promise<AppDetail> {
    return this.reached(name, (app) => app.state === 'ready' && app.readyRevision === revision)
  }
}

const actions = ({ changes }: ApplyResult) => changes.map(({ kind, name, action }) => `${action} ${kind} ${name}`)

describe.concurrent('apps of a manifest', () => {
  it('are deployed once: the same file again makes no revision', async () => {
    const project = await Project.make('idempotent')
    const manifest = { apps: { worker: { ...worker, replicas: 2, env: { LEVEL: 'info' }, drain: '90s' } } }
    const dry = await project.apply(manifest, { dryRun: true })
    expect([dry.dryRun, actions(dry)]).toEqual([true, ['create app worker']])
    expect((await project.call('GET', '/v1/apps/worker')).status).toBe(404)

    expect(actions(await project.apply(manifest))).toEqual(['create app worker'])
    const app = await project.ready('worker', 1)
    expect(app).toMatchObject({
      replicas: 2,
      ready: 2,
      spec: { image: 'your-org/api:1', command: ['forever'], env: { LEVEL: 'info' }, drain: '1m30s', ready: 'auto' },
    })
    for (let again = 0; again < 2; again++)
      expect(actions(await project.apply(manifest))).toEqual(['unchanged app worker'])
    const after = await project.app('worker')
    expect([after.revision, after.updatedAt]).toEqual([1, app.updatedAt])
    const { items } = await project.ok<{ items: Revision[] }>('GET', '/v1/apps/worker/revisions')
    expect(items).toHaveLength(1)
  })

  it('get a revision by whoever applied it when something is changed; what the file leaves out is the default', async () => {
    const project = await Project.make('changes')
    await project.apply({ apps: { worker: { ...worker, env: { OLD: '1' }, memory: '64Mi' } } })
    await project.ready('worker', 1)
    const { changes } = await project.apply({ apps: { worker: { ...worker, image: 'your-org/api:2' } } })
    expect(changes[0]?.fields.map(({ path }) => path).sort()).toEqual(['env.OLD', 'image', 'memory'])
    const { spec, deploy } = await project.ready('worker', 2)
    expect(spec).toMatchObject({ image: 'your-org/api:2', env: {}, memory: '512Mi' })
    expect(deploy.by).not.toBeNull()
  })

  it('are scaled without a revision, and left as they were scaled when the file says no number', async () => {
    const project = await Project.make('scaling')
    await project.apply({ apps: { worker } })
    await project.ready('worker', 1)
    await project.apply({ apps: { worker: { ...worker, replicas: 3 } } })
    expect(await project.app('worker')).toMatchObject({ replicas: 3, revision: 1 })
    await project.ok('POST', '/v1/apps/worker/scale', { replicas: 2 })
    expect(actions(await project.apply({ apps: { worker } }))).toEqual(['unchanged app worker'])
    expect(await project.app('worker')).toMatchObject({ replicas: 2, revision: 1 })
    await project.apply({ apps: { worker: { ...worker, image: 'your-org/api:2' } } })
    expect(await project.app('worker')).toMatchObject({ replicas: 2, revision: 2 })
  })

  it('that were stopped by hand stay so until they are changed', async () => {
    const project = await Project.make('stopped')
    await project.apply({ apps: { worker } })
    await project.ok('POST', '/v1/apps/worker/stop')
    await project.apply({ apps: { worker } })
    expect(await project.app('worker')).toMatchObject({ state: 'stopped', revision: 1 })
    await project.apply({ apps: { worker: { ...worker, env: { A: '1' } } } })
    await project.ready('worker', 2)
  })

  it('whose deploy failed are deployed again by the same file', async () => {
    const project = await Project.make('again')
    const manifest = { apps: { worker: { ...worker, ready: 'registered', readyTimeout: '1s' } } }
    await project.apply(manifest)
    await project.reached('worker', ({ state }) => state === 'failed')
    const { changes } = await project.apply(manifest)
    expect(changes).toMatchObject([
      { action: 'update', fields: [{ path: 'deploy', before: '"failed"', after: '"again"' }] },
    ])
    expect((await project.app('worker')).revision).toBe(2)
  })

  it('are deleted only with prune, with their alerts, and end within their drain time', async () => {
    const project = await Project.make('pruned')
    const channel = { kind: 'slack', url: 'https://hooks.slack.com/services/T/B/x' }
    const alerts = { ops: { channel, app: 'old' }, all: { channel } }
    await project.apply({ apps: { worker, old: worker }, alerts })
    const { id } = await project.ready('old', 1)
    const rest = { apps: { worker }, alerts: { all: { channel } } }
    expect(actions(await project.apply(rest))).toEqual(['unchanged app worker', 'unchanged alert all'])
    expect((await project.app('old')).state).toBe('ready')
    const pruned = await project.apply(rest, { prune: true })
    expect(actions(pruned)).toEqual([
      'unchanged app worker',
      'delete app old',
      'unchanged alert all',
      'delete alert ops',
    ])
    expect((await project.call('GET', '/v1/apps/old')).status).toBe(404)
    await vi.waitUntil(
      async () => {
        const rows = await server.db.selectFrom('app_instances').select('reason').where('app_id', '=', id).execute()
        return rows.every(({ reason }) => reason === 'deleted')
      },
      { timeout: 10_000, interval: 50 },
    )
  })

  it('may have names that every object answers to, and that of a cronjob', async () => {
    const project = await Project.make('names')
    const cronjobs = { constructor: { image: 'ok', schedule: '0 8 * * 1' } }
    await project.apply({ apps: { constructor: worker }, cronjobs })
    expect((await project.app('constructor')).spec.image).toBe('your-org/api:1')
    const { changes } = await project.apply({ cronjobs }, { prune: true })
    expect(changes.filter(({ action }) => action === 'delete')).toMatchObject([{ kind: 'app', name: 'constructor' }])
  })

  it('of two people who apply at the same moment are made once', async () => {
    const project = await Project.make('crowd')
    const manifest = { env: { MODE: 'x' }, apps: { b: worker, a: worker } }
    const results = await Promise.all(Array.from({ length: 4 }, () => project.apply(manifest)))
    expect(results.map(actions).filter((each) => each.includes('create app a'))).toHaveLength(1)
    expect(results.map(actions).filter((each) => each.includes('unchanged app b'))).toHaveLength(3)
    expect([(await project.app('a')).revision, (await project.app('b')).revision]).toEqual([1, 1])
  })

  it('are all refused when one of them is wrong', async () => {
    const project = await Project.make('refused')
    const { body } = await project.call<{ code: string; errors: { path: string }[] }>('POST', '/v1/apply', {
      manifest: { apps: { good: worker, bad: { image: 'x', replica: 2 } } },
    })
    expect([body.code, body.errors.map(({ path }) => path)]).toEqual(['invalid_request', ['manifest.apps.bad']])
    expect((await project.call('GET', '/v1/apps/good')).status).toBe(404)
  })

  it('are not changed when a later change of the file is refused', async () => {
    const project = await Project.make('rollback')
    const alerts = { late: { channel: hook, app: 'worker', on: ['missed'] } }
    const { body } = await project.call('POST', '/v1/apply', {
      manifest: { env: { A: '1' }, apps: { worker }, alerts },
    })
    expect(body).toMatchObject({ code: 'invalid_request' })
    expect((await project.call('GET', '/v1/apps/worker')).status).toBe(404)
    expect(await project.ok('GET', '/v1/env')).toMatchObject({ items: [] })
  })
})

describe.concurrent('an alert for an app', () => {
  it('is bound to the app of the same file, and to the one of today', async () => {
    const project = await Project.make('bound')
    const manifest = { apps: { worker }, alerts: { ops: { channel: hook, app: 'worker' } } }
    await project.apply(manifest)
    expect(await project.ok<Alert>('GET', '/v1/alerts/ops')).toMatchObject({ app: 'worker', cronjob: null })
    await project.ok('DELETE', '/v1/apps/worker')
    expect((await project.call('GET', '/v1/alerts/ops')).status).toBe(404)
    expect(actions(await project.apply(manifest))).toEqual(['create app worker', 'create alert ops'])
    const { id } = await project.app('worker')
    const bound = await server.db.selectFrom('alerts').select('app_id').where('app_id', '=', id).execute()
    expect(bound).toHaveLength(1)
    expect(actions(await project.apply(manifest))).toEqual(['unchanged app worker', 'unchanged alert ops'])
  })
})

describe.concurrent('references', () => {
  it('to what is not set are refused by name, before anything is changed', async () => {
    const project = await Project.make('references')
    const manifest = {
      env: { MODE: 'x' },
      secrets: ['MAIL_KEY'],
      requires: ['REDIS_URL', 'MODE'],
      apps: { worker },
      alerts: { ops: { channel: hook, app: 'wroker' } },
    }
    const { status, body } = await project.call<{ detail: string; hint: string }>('POST', '/v1/apply', { manifest })
    expect([status, body]).toMatchObject([409, { code: 'reference_missing' }])
    expect(body.detail).toContain('the secret MAIL_KEY is not set; the variable REDIS_URL is not set; the alert ops')
    expect(body.hint).toContain('panda env set REDIS_URL=… --project references')
    expect((await project.call('GET', '/v1/apps/worker')).status).toBe(404)
    expect(await project.ok('GET', '/v1/env')).toMatchObject({ items: [] })

    const dry = await project.apply(manifest, { dryRun: true })
    expect(dry.missing.map(({ path }) => path)).toEqual(['secrets.0', 'requires.0', 'alerts.ops.app'])
    expect(actions(dry)).toContain('create app worker')

    await project.ok('PUT', '/v1/secrets/MAIL_KEY', { value: 'x' })
    await project.ok('PUT', '/v1/secrets/REDIS_URL', { value: 'redis://x' })
    const right = { ...manifest, alerts: { ops: { channel: hook, app: 'worker' } } }
    expect((await project.apply(right)).missing).toEqual([])
  })

  it('are not pruned', async () => {
    const project = await Project.make('kept')
    await project.ok('PUT', '/v1/env/REDIS_URL', { value: 'redis://x' })
    await project.ok('PUT', '/v1/env/OLD', { value: 'x' })
    expect(actions(await project.apply({ requires: ['REDIS_URL'] }, { prune: true }))).toEqual(['delete env OLD'])
  })
})

describe.concurrent('a warning', () => {
  it('names the apps that still run with the variables of before', async () => {
    const project = await Project.make('stale')
    const apps = { worker, other: worker, halted: worker }
    expect((await project.apply({ env: { MODE: 'a' }, apps })).warnings).toEqual([])
    await project.ok('POST', '/v1/apps/halted/stop')
    const next = { ...apps, other: { ...worker, image: 'your-org/api:2' } }
    expect((await project.apply({ env: { MODE: 'b' }, apps: next })).warnings).toEqual([
      'apps get the changed variables (MODE) with their next deploy or restart: panda app restart worker',
    ])
  })

  it('names what looks like a secret, without its value', async () => {
    const project = await Project.make('clear')
    const { warnings } = await project.apply({ apps: { worker: { ...worker, env: { API_KEY: 'hush-hush' } } } })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/^app worker: API_KEY looks like a secret .* panda secret set API_KEY$/)
    expect(warnings[0]).not.toContain('hush-hush')
  })
})
