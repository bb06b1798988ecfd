import type { FastifyInstance, FastifyRequest } from 'fastify'
import { assertScope } from '../auth/authenticator.ts'
import { GaugeReader } from '../status.ts'
import { sharedFor } from './shared-for.ts'
import type { ApiDeps } from './deps.ts'
import type { Login } from './limits.ts'

/** The gauges of /metrics cost a query or two; a database that is away must not hold up the scrape. */
const GAUGES_TIMEOUT_MS = 2000
/** An answer of /readyz may be as old. */
const READY_FOR_MS = 1000
const LOOPBACK_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]'])

/** Addresses outside of /v1: for probes, scrapers and generators of clients. They need no token, but see /metrics. */
export function registerSystemRoutes(app: FastifyInstance, deps: ApiDeps, login: Login): void {
  const schema = { hide: true }
  const gaugeReader = new GaugeReader(deps.db)
  app.get('/healthz', { schema }, async () => ({ status: 'alive' }))

  // Anybody may ask, and an answer costs a query and a call of the engine.
  const ready = sharedFor(READY_FOR_MS, () => deps.clock.now(), deps.readiness)
  app.get('/readyz', { schema }, async (_request, reply) => {
    const readiness = await ready()
    if (!readiness.ready) reply.header('retry-after', '2')
    return reply.code(readiness.ready ? 200 : 503).send(readiness)
  })

  app.get('/metrics', { schema }, async (request, reply) => {
    if (!isLocal(deps, request)) assertScope(await login(request, reply), 'read')
    const [gauges, queues] = await Promise.all([
      Promise.race([gaugeReader.read().catch(() => null), after(deps)]),
      deps.queueReader.read(GAUGES_TIMEOUT_MS),
    ])
    return reply.type(deps.metrics.contentType).send(await deps.metrics.text(gauges, queues))
  })

  let document: string | undefined
  app.get('/openapi.json', { schema }, async (_request, reply) => {
    document ??= JSON.stringify(app.swagger())
    return reply.type('application/json').send(document)
  })
}

/**
 * Metrics hold nothing secret, but they tell how busy a machine is: they are open only to a scraper on this machine that
 * calls directly. The host name is checked so that a web page cannot read them through a name that it points here.
 */
function isLocal(deps: ApiDeps, request: FastifyRequest): boolean {
  const proxied = request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined
  return deps.loopback && !proxied && LOOPBACK_NAMES.has(request.hostname)
}

async function after(deps: ApiDeps): Promise<null> {
  await deps.clock.sleep(GAUGES_TIMEOUT_MS)
  return null
}
