import { PandaError } from '@pandastack/contract'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ApiDeps } from './deps.ts'
import { every, RECHECK_EVERY_MS } from './event-stream.ts'
import type { Takeover } from './route.ts'
import { asksFor } from './upgrades.ts'

/** A client that does not take what was written to it is waited for so long when the connection is closed. */
const CLOSE_LIMIT_MS = 2000

/**
 * Answers 101 and speaks the protocol until it is over, the client has gone, the token is revoked or the server stops.
 *
 * @throws PandaError `upgrade_required` when the call did not ask for it
 */
export async function takeOver(
  deps: ApiDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  { protocol, speak }: Takeover,
): Promise<void> {
  const { socket } = reply.raw
  if (!asksFor(request.raw, protocol) || socket === null) {
    throw new PandaError('upgrade_required', `This address speaks ${protocol} on a connection that was upgraded to it.`)
  }
  reply.hijack()
  reply.raw.detachSocket(socket)
  const end = new AbortController()
  const stop = (): void => end.abort(new Error('the server is stopping'))
  const gone = (): void => end.abort(new Error('the client has gone'))
  socket.once('close', gone)
  deps.stopping.addEventListener('abort', stop, { once: true })
  if (deps.stopping.aborted) stop()
  const recheck = every(deps.clock, RECHECK_EVERY_MS, end.signal, async () => {
    await deps.authenticator.identify(request.headers.authorization)
  }).catch((error: unknown) => end.abort(error))
  deps.metrics.streams.inc()
  try {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n`)
    socket.write(`X-Request-Id: ${request.id}\r\n\r\n`)
    await speak(socket, end.signal)
  } catch (error) {
    request.log.error({ err: error }, 'a taken-over connection broke off')
  } finally {
    end.abort()
    await recheck
    deps.stopping.removeEventListener('abort', stop)
    deps.metrics.streams.dec()
    socket.destroySoon()
    setTimeout(() => socket.destroy(), CLOSE_LIMIT_MS).unref()
  }
}
