import type { Route } from '../../packages/server/src/api/route.ts'
import { freshVhost } from './rabbitmq.ts'
import type { TestServer } from './server.ts'
import { waitFor } from './wait-for.ts'

/** `GET /v1/cronjobs/:name`. */
export function routeKey(route: Route): string {
  return `${route.method} ${route.url}`
}

/** As the OpenAPI document writes it. */
export function pathOf(route: Route): string {
  return route.url.replaceAll(/:(\w+)/g, '{$1}')
}

interface Sample {
  readonly path: string
  readonly body: unknown
}

/** Nothing of it may ever be seen by a caller of another project. */
export const HIDDEN = 'default-only'
const cronjob = { image: 'ok', schedule: '0 8 * * 1', suspended: true }
const alert = { channel: { kind: 'webhook', url: 'https://example.com/default-only' } }

type Make = (server: TestServer) => Promise<Sample> | Sample

/** A call of each route that is right in every respect, about something that exists in the project `default`. */
const SAMPLES: Readonly<Record<string, Make>> = {
  'GET /v1/status': () => sample('/v1/status'),
  'GET /v1/preview': () => sample('/v1/preview?schedule=0%208%20*%20*%201'),
  'GET /v1/projects': () => sample('/v1/projects'),
  'POST /v1/projects': () => sample('/v1/projects', { name: 'one-more' }),
  'DELETE /v1/projects/:name': () => sample('/v1/projects/default'),
  'GET /v1/tokens': () => sample('/v1/tokens'),
  'POST /v1/tokens': () => sample('/v1/tokens', { name: 'made', scopes: ['read'], project: 'default' }),
  'DELETE /v1/tokens/:id': async (server) => {
    const { id } = await server.api.ok<{ id: string }>('POST', '/v1/tokens', { name: HIDDEN, scopes: ['read'] })
    return sample(`/v1/tokens/${id}`)
  },
  'GET /v1/env': () => sample('/v1/env'),
  'PUT /v1/env/:name': () => sample('/v1/env/SAMPLE', { value: 'x' }),
  'POST /v1/env/check': () => sample('/v1/env/check', { variables: { REDIS_URL: 'http://not-redis' } }),
  'DELETE /v1/env/:name': async (server) => {
    await server.api.ok('PUT', '/v1/env/GONE', { value: HIDDEN })
    return sample('/v1/env/GONE')
  },
  'GET /v1/database': () => sample('/v1/database'),
  'GET /v1/secrets': () => sample('/v1/secrets'),
  'PUT /v1/secrets/:name': () => sample('/v1/secrets/SAMPLE', { value: 'x' }),
  'DELETE /v1/secrets/:name': async (server) => {
    await server.api.ok('PUT', '/v1/secrets/GONE', { value: HIDDEN })
    return sample('/v1/secrets/GONE')
  },
  'GET /v1/cronjobs': () => sample('/v1/cronjobs'),
  'POST /v1/cronjobs': () => sample('/v1/cronjobs', { name: 'sample', ...cronjob }),
  'GET /v1/cronjobs/:name': (server) => onCronjob(server, 'get', ''),
  'PATCH /v1/cronjobs/:name': (server) => onCronjob(server, 'patch', '', { timezone: 'Europe/Berlin' }),
  'DELETE /v1/cronjobs/:name': (server) => onCronjob(server, 'delete', ''),
  'POST /v1/cronjobs/:name/pause': (server) => onCronjob(server, 'pause', '/pause'),
  'POST /v1/cronjobs/:name/resume': (server) => onCronjob(server, 'resume', '/resume'),
  'POST /v1/cronjobs/:name/runs': (server) => onCronjob(server, 'runs', '/runs'),
  'GET /v1/runs': () => sample('/v1/runs'),
  'GET /v1/runs/:id': (server) => onRun(server, 'run-get', ''),
  'GET /v1/runs/:id/logs': (server) => onRun(server, 'run-logs', '/logs'),
  'POST /v1/runs/:id/cancel': (server) => onRun(server, 'run-cancel', '/cancel'),
  'POST /v1/runs/:id/replay': (server) => onRun(server, 'run-replay', '/replay'),
  'GET /v1/alerts': () => sample('/v1/alerts'),
  'POST /v1/alerts': () => sample('/v1/alerts', { name: 'sample', ...alert }),
  'GET /v1/alerts/:name': (server) => onAlert(server, 'get', ''),
  'DELETE /v1/alerts/:name': (server) => onAlert(server, 'delete', ''),
  'POST /v1/alerts/:name/test': (server) => onAlert(server, 'test', '/test'),
  'POST /v1/alerts/:name/rotate-secret': (server) => onAlert(server, 'rotate', '/rotate-secret'),
  'GET /v1/alerts/:name/deliveries': (server) => onAlert(server, 'deliveries', '/deliveries'),
  'GET /v1/queues': async (server) => {
    await onQueue(server, '')
    return sample('/v1/queues')
  },
  'GET /v1/queues/:queue': (server) => onQueue(server, ''),
  'GET /v1/queues/:queue/jobs': (server) => onQueue(server, '/jobs'),
  'POST /v1/queues/:queue/jobs': (server) => onQueue(server, '/jobs', { data: { of: HIDDEN } }),
  'GET /v1/queues/:queue/jobs/:id': (server) => onJob(server, ''),
  'GET /v1/queues/:queue/jobs/:id/logs': (server) => onJob(server, '/logs'),
  'POST /v1/queues/:queue/jobs/:id/retry': (server) => onJob(server, '/retry', {}),
  'POST /v1/queues/:queue/jobs/:id/cancel': (server) => onJob(server, '/cancel', {}),
  'POST /v1/queues/:queue/pause': (server) => onQueue(server, '/pause'),
  'POST /v1/queues/:queue/resume': (server) => onQueue(server, '/resume'),
  'POST /v1/queues/:queue/drain': (server) => onQueue(server, '/drain'),
  'POST /v1/queues/:queue/redrive': (server) => onQueue(server, '/redrive', {}),
  'GET /v1/events': async (server) => {
    await onBroker(server)
    return sample('/v1/events')
  },
  'GET /v1/events/types': async (server) => {
    await onBroker(server)
    return sample('/v1/events/types')
  },
  'POST /v1/events': async (server) => {
    await onBroker(server)
    return sample('/v1/events', { type: HIDDEN, data: { of: HIDDEN } })
  },
  'GET /v1/subscriptions': async (server) => {
    await onSubscription(server, '')
    return sample('/v1/subscriptions')
  },
  'GET /v1/subscriptions/:subscription': (server) => onSubscription(server, ''),
  'DELETE /v1/subscriptions/:subscription': (server) => onSubscription(server, '', undefined, 'delete'),
  'POST /v1/subscriptions/:subscription/pause': (server) => onSubscription(server, '/pause'),
  'POST /v1/subscriptions/:subscription/resume': (server) => onSubscription(server, '/resume'),
  'POST /v1/subscriptions/:subscription/replay': (server) => onSubscription(server, '/replay', { from: '0' }),
  'GET /v1/subscriptions/:subscription/dead-letters': (server) => onSubscription(server, '/dead-letters'),
  'GET /v1/subscriptions/:subscription/dead-letters/:letter': (server) => onSubscription(server, '/dead-letters/x'),
  'POST /v1/subscriptions/:subscription/dead-letters/redrive': (server) =>
    onSubscription(server, '/dead-letters/redrive', { ids: ['x'] }),
  'POST /v1/subscriptions/:subscription/dead-letters/drop': (server) =>
    onSubscription(server, '/dead-letters/drop', { ids: ['x'] }),
  'POST /v1/topology/plan': async (server) => {
    await onBroker(server)
    return sample('/v1/topology/plan', { name: HIDDEN, patterns: [HIDDEN] })
  },
  'POST /v1/topology/apply': async (server) => {
    await onBroker(server)
    return sample('/v1/topology/apply', { name: HIDDEN, patterns: [HIDDEN] })
  },
  'GET /v1/apps': async (server) => {
    await onApp(server, 'list', '')
    return sample('/v1/apps')
  },
  'GET /v1/apps/:name': (server) => onApp(server, 'get', ''),
  'GET /v1/apps/:name/revisions': (server) => onApp(server, 'revisions', '/revisions'),
  'GET /v1/usage': async (server) => {
    await onApp(server, 'usage', '')
    return sample('/v1/usage?window=100ms')
  },
  'GET /v1/apps/:name/usage': (server) => onApp(server, 'usage', '/usage?window=100ms'),
  'GET /v1/apps/:name/logs': (server) => onApp(server, 'logs', '/logs'),
  'POST /v1/apps/:name/deploys': (server) => onApp(server, 'deploys', '/deploys', { memory: '64Mi' }),
  'POST /v1/apps/:name/rollbacks': (server) => onStartedApp(server, '/rollbacks', { revision: 1 }),
  'POST /v1/apps/:name/scale': (server) => onApp(server, 'scale', '/scale', { replicas: 0 }),
  'POST /v1/apps/:name/restart': (server) => onApp(server, 'restart', '/restart'),
  'POST /v1/apps/:name/stop': (server) => onApp(server, 'stop', '/stop'),
  'POST /v1/apps/:name/start': (server) => onApp(server, 'start', '/start'),
  'POST /v1/apps/:name/exec': (server) => onApp(server, 'exec', '/exec'),
  'DELETE /v1/apps/:name': (server) => onApp(server, 'delete', ''),
  'POST /v1/apply': () => sample('/v1/apply', { manifest: { version: 1 }, dryRun: true }),
}

/** @throws for a route that nobody wrote a sample of */
export async function sampleOf(route: Route, server: TestServer): Promise<Sample> {
  const make = SAMPLES[routeKey(route)]
  if (!make) throw new Error(`test/support/route-samples.ts has no sample of ${routeKey(route)}`)
  return make(server)
}

function sample(path: string, body?: unknown): Sample {
  return { path, body }
}

async function onCronjob(server: TestServer, verb: string, suffix: string, body?: unknown): Promise<Sample> {
  const name = `${HIDDEN}-${verb}`
  await server.api.ok('POST', '/v1/cronjobs', { name, ...cronjob })
  return sample(`/v1/cronjobs/${name}${suffix}`, body)
}

async function onApp(server: TestServer, verb: string, suffix: string, body?: unknown): Promise<Sample> {
  const name = `${HIDDEN}-${verb}`
  await server.api.ok('POST', `/v1/apps/${name}/deploys`, { image: 'ok', command: ['forever'] })
  return sample(`/v1/apps/${name}${suffix}`, body)
}

/** Only what has started can be gone back to. */
async function onStartedApp(server: TestServer, suffix: string, body: unknown): Promise<Sample> {
  const made = await onApp(server, 'started', suffix, body)
  const path = made.path.slice(0, -suffix.length)
  await waitFor('the first revision to start', async () => {
    const { deploy } = await server.api.ok<{ deploy: { imageDigest: string | null } }>('GET', path)
    return deploy.imageDigest !== null
  })
  return made
}

async function onRun(server: TestServer, verb: string, suffix: string): Promise<Sample> {
  const { path } = await onCronjob(server, verb, '/runs')
  const { id } = await server.api.ok<{ id: string }>('POST', path, {})
  return sample(`/v1/runs/${id}${suffix}`)
}

async function onAlert(server: TestServer, verb: string, suffix: string): Promise<Sample> {
  const name = `${HIDDEN}-${verb}`
  await server.api.ok('POST', '/v1/alerts', { name, ...alert })
  return sample(`/v1/alerts/${name}${suffix}`)
}

/** The queues of `default` lie in the server's own database, in their own schema. */
async function onQueue(server: TestServer, suffix: string, body?: unknown): Promise<Sample> {
  await server.api.ok('PUT', '/v1/env/PANDA_QUEUE_URL', { value: server.databaseUrl })
  const path = `/v1/queues/${HIDDEN}`
  await server.api.ok('POST', `${path}/jobs`, { data: { of: HIDDEN } })
  return sample(`${path}${suffix}`, body)
}

async function onJob(server: TestServer, suffix: string, body?: unknown): Promise<Sample> {
  const { path } = await onQueue(server, '/jobs')
  const { id } = await server.api.ok<{ id: string }>('POST', path, { data: { of: HIDDEN } })
  return sample(`${path}/${id}${suffix}`, body)
}

const withBroker = new WeakSet<TestServer>()

/** The project `default` gets a broker of its own, once. */
async function onBroker(server: TestServer): Promise<void> {
  if (withBroker.has(server)) return
  withBroker.add(server)
  const vhost = await freshVhost()
  server.later(() => vhost.remove())
  await server.api.ok('PUT', '/v1/env/RABBITMQ_URL', { value: vhost.url })
}

async function onSubscription(server: TestServer, suffix: string, body?: unknown, verb = 'sub'): Promise<Sample> {
  await onBroker(server)
  const name = `${HIDDEN}-${verb}`
  await server.api.ok('POST', '/v1/topology/apply', { name, patterns: [HIDDEN] })
  return sample(`/v1/subscriptions/${name}${suffix}`, body)
}
