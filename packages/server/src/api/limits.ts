import { PandaError } from '@pandastack/contract'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Authenticator, Identity } from '../auth/authenticator.ts'
import { BlockedAddresses } from './blocked-addresses.ts'

const MINUTE_MS = 60_000
/**
 * Wrong tokens per minute and address. Tokens that this server has let in before are not held up by them, new ones
 * little: behind a proxy all callers may share an address.
 */
const FAILED_LOGINS = 30

export type Login = (request: FastifyRequest, reply: FastifyReply) => Promise<Identity>

/**
 * The way in: finds out who calls, and counts. @param perMinute calls per minute and token; 0 = no limit, neither of failed logins
 */
export async function createLogin(
  app: FastifyInstance,
  authenticator: Authenticator,
  perMinute: number,
): Promise<Login> {
  await app.register(rateLimit, { global: false })
  const failures = app.createRateLimit({
    max: FAILED_LOGINS,
    timeWindow: MINUTE_MS,
    keyGenerator: (request) => request.ip,
  })
  const calls = app.createRateLimit({
    max: perMinute,
    timeWindow: MINUTE_MS,
    keyGenerator: (request) => request.tokenId ?? request.ip,
  })
  const blocked = new BlockedAddresses(() => performance.now())
  return async (request, reply) => {
    // Before the query that a new token costs: guessing must not be a way to keep the database busy.
    if (authenticator.isNew(request.headers.authorization) && !blocked.mayTry(request.ip))
      refuse({ isAllowed: false, isExceeded: true, ttlInSeconds: 1 }, reply, 'wrong tokens')
    let identity: Identity
    try {
      identity = await authenticator.identify(request.headers.authorization)
    } catch (error) {
      if (perMinute > 0 && error instanceof PandaError && error.code === 'unauthenticated') {
        const verdict = await failures(request)
        if (!verdict.isAllowed && verdict.isExceeded) blocked.add(request.ip, verdict.ttlInSeconds * 1000)
        refuse(verdict, reply, 'wrong tokens')
      }
      throw error
    }
    request.tokenId = identity.tokenId
    if (perMinute > 0) refuse(await calls(request), reply, 'calls')
    return identity
  }
}

type Verdict =
  | { readonly isAllowed: true }
  | { readonly isAllowed: false; readonly isExceeded: boolean; readonly ttlInSeconds: number }

function refuse(verdict: Verdict, reply: FastifyReply, what: string): void {
  if (verdict.isAllowed || !verdict.isExceeded) return
  reply.header('retry-after', String(verdict.ttlInSeconds))
  throw new PandaError('too_many_requests', `Too many ${what} in one minute.`)
}
