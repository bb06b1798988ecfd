import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SCOPES, type Scope } from '../../packages/contract/src/index.ts'
import type { ApiDeps } from '../../packages/server/src/api/deps.ts'
import type { Route } from '../../packages/server/src/api/route.ts'
import { allRoutes } from '../../packages/server/src/api/routes/all.ts'
import { newTokenText } from '../../packages/server/src/auth/token-text.ts'
import { Client } from '../support/api-client.ts'
import { HIDDEN, pathOf, routeKey, sampleOf } from '../support/route-samples.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

/** Who may call what: every route against every kind of caller. A route without a sample fails the suite. */

const routes = allRoutes({} as ApiDeps)
let server: TestServer
let byScope: Map<Scope, Client>
/** Bound to the project `other`, may do everything there. */
let foreign: Client
let samples: Map<string, { path: string; body: unknown }>

beforeAll(async () => {
  server = await startTestServer()
  await server.api.ok('POST', '/v1/projects', { name: 'other' })
  foreign = await server.clientWith(['admin'], 'other')
  byScope = new Map(await Promise.all(SCOPES.map(async (scope) => [scope, await server.clientWith([scope])] as const)))
  samples = new Map()
  for (const route of routes) samples.set(routeKey(route), await sampleOf(route, server))
})
afterAll(() => server[Symbol.asyncDispose]())

function call(client: Client, route: Route, query = '') {
  const sample = samples.get(routeKey(route))
  if (!sample) throw new Error(`no sample of ${routeKey(route)}`)
  const separator = sample.path.includes('?') ? '&' : '?'
  return client.call(route.method, query === '' ? sample.path : `${sample.path}${separator}${query}`, sample.body)
}

describe.each(routes.map((route) => ({ key: routeKey(route), route })))('$key', ({ route }) => {
  it('refuses a caller without a token, or with a wrong one', async () => {
    const callers = [null, newTokenText(), 'nonsense', mistyped(server.token)]
    for (const token of callers) {
      const reply = await call(new Client(server.url, token), route)
      expect(reply, `token ${token}`).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
      expect(reply.headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  // Before the next one, which uses up what it calls.
  it('shows and changes nothing of another project', async () => {
    const before = await fingerprint()
    if (route.perProject) {
      const asked = await call(foreign, route, 'project=default')
      expect(asked).toMatchObject({ status: 404, body: { code: 'project_not_found' } })
    }
    const reply = await call(foreign, route)
    if (route.url.includes(':') && route.method !== 'PUT') {
      // A resource of `default`, called by its name or id out of `other`.
      const { code } = reply.body as { code?: string }
      const storeless = code === 'queue_store_missing' || code === 'event_broker_missing'
      if (!storeless) expect([404, 403], JSON.stringify(reply.body)).toContain(reply.status)
    }
    // A refusal repeats the name that was asked for, which tells nothing.
    if (reply.status < 400) expect(JSON.stringify(reply.body ?? null)).not.toContain(HIDDEN)
    expect(await fingerprint()).toBe(before)
  })

  it('lets in its own scope and admin only', async () => {
    for (const [scope, client] of byScope) {
      const reply = await call(client, route)
      const allowed = scope === route.scope || scope === 'admin'
      if (!allowed) expect(reply, scope).toMatchObject({ status: 403, body: { code: 'forbidden' } })
      else expect([401, 403, 500], `${scope}: ${JSON.stringify(reply.body)}`).not.toContain(reply.status)
    }
  })
})

/** Its last character is another one. */
function mistyped(token: string): string {
  return token.slice(0, -1) + (token.endsWith('x') ? 'y' : 'x')
}

/** What `default` and the installation hold, as the all-powerful token sees it. */
async function fingerprint(): Promise<string> {
  const { db } = server
  const projectId = (
    await db.selectFrom('projects').select('id').where('name', '=', 'default').executeTakeFirstOrThrow()
  ).id
  const parts = await Promise.all([
    db
      .selectFrom('cronjobs')
      .select(['name', 'spec', 'deleted_at'])
      .where('project_id', '=', projectId)
      .orderBy('id')
      .execute(),
    db
      .selectFrom('runs')
      .select(['id', 'cancel_reason'])
      .where('project_id', '=', projectId)
      .where('trigger', '!=', 'schedule')
      .orderBy('id')
      .execute(),
    db.selectFrom('env_variables').selectAll().where('project_id', '=', projectId).orderBy('name').execute(),
    db.selectFrom('secrets').select(['name', 'version']).where('project_id', '=', projectId).orderBy('name').execute(),
    db.selectFrom('alerts').select(['name', 'events']).where('project_id', '=', projectId).orderBy('name').execute(),
    db.selectFrom('tokens').select('name').where('project_id', 'is', null).orderBy('id').execute(),
    db.selectFrom('projects').select('name').orderBy('name').execute(),
  ])
  return JSON.stringify(parts)
}

it('has every route of the document in the table, and the other way round', async () => {
  const document = await server.api.ok<{ paths: Record<string, Record<string, unknown>> }>('GET', '/openapi.json')
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(documented.toSorted()).toEqual(routes.map((route) => `${route.method} ${pathOf(route)}`).toSorted())
})

it('answers the open addresses without a token, and nothing else', async () => {
  const stranger = new Client(server.url, null)
  for (const path of ['/healthz', '/readyz', '/openapi.json'])
    expect((await stranger.fetch('GET', path)).status).toBe(200)
  expect((await stranger.call('GET', '/v1')).status).toBe(404)
})
