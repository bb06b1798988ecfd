import { PandaError, problemSchema } from '@pandastack/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Caller } from './caller.ts'
import { findCaller } from './caller.ts'
import type { ApiDeps } from './deps.ts'
import { writeEvents } from './event-stream.ts'
import { once, type StoredAnswer } from './idempotency.ts'
import type { Login } from './limits.ts'
import { EventStream, type Route, Takeover } from './route.ts'
import type { StreamLimit } from './stream-limit.ts'
import { takeOver } from './take-over.ts'

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null
    tokenId: string | null
  }
}

/** The only place where a route meets HTTP: identity, scope, project, idempotency and streams are the same for all. */
export function registerRoute(
  app: FastifyInstance,
  deps: ApiDeps,
  { login, streams }: { readonly login: Login; readonly streams: StreamLimit },
  route: Route,
): void {
  app.route({
    method: route.method,
    url: route.url,
    schema: schemaOf(route),
    onRequest: async (request, reply) => {
      if (deps.stopping.aborted) throw new PandaError('stopping', 'The server is stopping.')
      request.caller = await findCaller(deps, route, await login(request, reply), request)
    },
    handler: async (request, reply) => {
      const end = endOf(reply)
      const signal = AbortSignal.any([end.signal, deps.stopping])
      const answer = await answerOf(deps, route, request, signal)
      for (const [name, value] of Object.entries(answer.headers)) reply.header(name, value)
      if (answer.body instanceof EventStream) {
        const giveBack = streams.take(callerOf(request).identity.tokenId)
        await stream(deps, request, reply, answer.body, { signal, end }).finally(giveBack)
        return reply
      }
      if (answer.body instanceof Takeover) {
        const giveBack = streams.take(callerOf(request).identity.tokenId)
        await takeOver(deps, request, reply, answer.body).finally(giveBack)
        return reply
      }
      return reply.code(answer.status).send(answer.body)
    },
  })
}

async function answerOf(
  deps: ApiDeps,
  route: Route,
  request: FastifyRequest,
  signal: AbortSignal,
): Promise<StoredAnswer> {
  const { identity, project } = callerOf(request)
  const work = async (db: ApiDeps['db']): Promise<StoredAnswer> => {
    const headers: Record<string, string> = {}
    const body = await route.handler({
      db,
      identity,
      // A global route's handler has no `project` in its type, see globalRoute.
      project: project ?? { id: '', name: '' },
      params: request.params,
      query: request.query,
      body: request.body,
      ifMatch: headerText(request, 'if-match'),
      lastEventId: headerText(request, 'last-event-id'),
      signal,
      header: (name, value) => {
        headers[name] = value
      },
    })
    return { status: route.status, headers, body }
  }
  const key = headerText(request, 'idempotency-key')
  if (route.method !== 'POST' || route.status === 101 || key === undefined) return work(deps.db)
  const call = {
    key,
    tokenId: identity.tokenId,
    projectId: project?.id ?? null,
    route: `${route.method} ${request.url}`,
    body: request.body ?? null,
  }
  const { replayed, ...answer } = await once(deps.db, deps.box, call, work)
  return replayed ? { ...answer, headers: { ...answer.headers, 'idempotency-replayed': 'true' } } : answer
}

async function stream(
  deps: ApiDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  body: EventStream,
  life: { readonly signal: AbortSignal; readonly end: AbortController },
): Promise<void> {
  reply.hijack()
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  })
  reply.raw.flushHeaders()
  const recheck = async (): Promise<void> => void (await deps.authenticator.identify(request.headers.authorization))
  const end = (reason: unknown): void => {
    request.log.info({ err: reason }, 'a stream was ended')
    life.end.abort()
  }
  deps.metrics.streams.inc()
  try {
    await writeEvents(reply.raw, body.events, { clock: deps.clock, signal: life.signal, recheck, end })
  } catch (error) {
    // Too late for a problem document: the client sees the cut and comes back with Last-Event-ID.
    request.log.error({ err: error }, 'a stream broke off')
    reply.raw.destroy()
  } finally {
    deps.metrics.streams.dec()
  }
}

function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('a route was reached without its onRequest hook')
  return request.caller
}

/** Aborts when the connection ends before the answer does, or when a stream has to end early. */
function endOf(reply: FastifyReply): AbortController {
  const end = new AbortController()
  reply.raw.once('close', () => end.abort())
  return end
}

function headerText(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

const HEADER_SCHEMAS = {
  'idempotency-key': z.string().optional().meta({ description: 'The same key within 24 hours does the work once.' }),
  'if-match': z
    .string()
    .optional()
    .meta({ description: 'The ETag that was read: refuses to overwrite a later change.' }),
  'last-event-id': z
    .string()
    .optional()
    .meta({ description: 'Id of the last event seen: the stream goes on behind it.' }),
}

function schemaOf(route: Route): Record<string, unknown> {
  const names = [
    ...(route.headers ?? []),
    ...(route.method === 'POST' && route.status !== 101 ? (['idempotency-key'] as const) : []),
  ]
  const headers = Object.fromEntries(names.map((name) => [name, HEADER_SCHEMAS[name]]))
  const json = { 'application/json': { schema: route.answer } }
  const events = { 'text/event-stream': { schema: z.string() } }
  const content = route.streamsWith === undefined ? json : { ...json, ...events }
  const done =
    route.answer === null
      ? z.undefined().meta({ description: route.status === 101 ? 'The connection changes its protocol.' : 'Done.' })
      : { description: 'Done.', content }
  const problem = { description: 'A problem.', content: { 'application/problem+json': { schema: problemSchema } } }
  return {
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    tags: [route.tag],
    operationId: operationId(route),
    security: [{ token: [] }],
    ...(route.params && { params: route.params.strict() }),
    // What is not known is refused, not ignored: a misspelt filter would answer everything.
    querystring: (route.query ?? z.object({})).strict(),
    ...(names.length > 0 && { headers: z.looseObject(headers) }),
    ...(route.body && { body: route.body }),
    response: { [route.status]: done, '4xx': problem, '5xx': problem },
  }
}

/** `GET /v1/cronjobs/:name` → `get_cronjobs_name`. */
function operationId(route: Route): string {
  const words = route.url
    .split('/')
    .slice(2)
    .map((part) => part.replace(/^:/, '').replaceAll('-', '_'))
  return [route.method.toLowerCase(), ...words].join('_')
}
