import swagger from '@fastify/swagger'
import { PandaError } from '@pandastack/contract'
import {
  fastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { v7 } from 'uuid'
import type { ApiDeps } from './deps.ts'
import { createLogin } from './limits.ts'
import { openApiOptions } from './openapi.ts'
import { bugProblem, nameFullDisk, problemOf, toPandaError } from './problems.ts'
import { registerRoute } from './register.ts'
import { allRoutes } from './routes/all.ts'
import { StreamLimit } from './stream-limit.ts'
import { registerSystemRoutes } from './system-routes.ts'
import { acceptUpgrades } from './upgrades.ts'

const BODY_LIMIT_BYTES = 1024 * 1024
/** A request must have arrived within this time. Answers may take as long as they want (live logs). */
const REQUEST_TIMEOUT_MS = 60_000
/** Longest name of ours is 63; ids are under 40; an env name 128; a registry host 260. */
const MAX_PARAM_LENGTH = 300
const REQUEST_ID = /^[\w.:-]{1,100}$/
/** Clients are told to come back so soon while the database or the server is away. */
const RETRY_AFTER_SECONDS = 2

/** The HTTP API, not yet listening. */
export async function createApi(deps: ApiDeps): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = deps.log
  const app = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    genReqId: (request) => requestId(request.headers['x-request-id']),
    frameworkErrors: (error, request, reply) => answerError(error, request as FastifyRequest, reply as FastifyReply),
  })
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(deps.checkAnswers ? serializerCompiler : () => JSON.stringify)
  app.decorateRequest('caller', null)
  app.decorateRequest('tokenId', null)
  acceptOnlyJson(app)
  acceptUpgrades(app)
  addHeaders(app, deps)
  observe(app, deps)
  app.setErrorHandler(async (error: FastifyError | Error, request, reply) => {
    answerError(await nameFullDisk(error, deps.databaseTrouble), request, reply)
    return reply
  })
  app.setNotFoundHandler((request) => {
    throw new PandaError('route_not_found', `There is no ${request.method} ${request.url.split('?')[0]}.`)
  })
  await app.register(swagger, openApiOptions)
  const login = await createLogin(app, deps.authenticator, deps.rateLimit)
  // Registered as a plug-in, so that the OpenAPI plug-in sees every route.
  const ways = { login, streams: new StreamLimit() }
  await app.register((scope) => {
    registerSystemRoutes(scope, deps, login)
    for (const route of allRoutes(deps)) registerRoute(scope, deps, ways, route)
    return Promise.resolve()
  })
  return app
}

/** No body arrives as null; for a schema it is undefined, so that a default body can take its place. */
const compileValidator: typeof validatorCompiler = (route) => {
  const validate = validatorCompiler(route)
  return route.httpPart === 'body' ? (data: unknown) => validate(data ?? undefined) : validate
}

function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : `req_${v7().replaceAll('-', '')}`
}

/** A body that claims another type is refused (n8n's CVE-2026-21858 began with one); an empty one is no body. */
function acceptOnlyJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString()
    if (text === '') done(null, undefined)
    else return parse(request, text, (error, value) => (error === null ? done(null, value) : done(badJson(text))))
  })
}

function badJson(text: string): PandaError {
  try {
    JSON.parse(text)
  } catch (error) {
    return new PandaError('invalid_request', `The body is not JSON: ${messageOf(error)}.`, {
      hint: 'Send a JSON document as described at /openapi.json.',
    })
  }
  return new PandaError(
    'invalid_request',
    'The body names __proto__ or constructor.prototype, which no field is called.',
  )
}

function addHeaders(app: FastifyInstance, deps: ApiDeps): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
    reply.header('cache-control', 'no-store')
    reply.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
    reply.header('referrer-policy', 'no-referrer')
  })
  // The last answer on each connection says so; a client would keep it open for its next call.
  app.addHook('onSend', async (_request, reply) => {
    if (deps.stopping.aborted) reply.header('connection', 'close')
  })
}

function observe(app: FastifyInstance, deps: ApiDeps): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown'
    const seconds = reply.elapsedTime / 1000
    deps.metrics.httpDuration.observe({ method: request.method, route, status: String(reply.statusCode) }, seconds)
    request.log.debug(
      { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    )
  })
}

function answerError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const known = toPandaError(error)
  if (known === undefined) request.log.error({ err: error, route: request.routeOptions.url }, 'a bug')
  else if (known.status >= 500) request.log.warn({ err: known, cause: messageOf(known.cause) }, 'could not answer')
  const problem = known === undefined ? bugProblem(request.id) : problemOf(known, request.id)
  reply.header('x-request-id', request.id)
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  if (problem.status === 503) reply.header('retry-after', String(RETRY_AFTER_SECONDS))
  // Serialized here: a route's own schema must not get into the way of a problem.
  reply.code(problem.status).type('application/problem+json').serializer(JSON.stringify).send(problem)
}

function messageOf(cause: unknown): string | undefined {
  return cause instanceof Error ? cause.message : undefined
}
