import { type IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { EXEC_PROTOCOL } from '@pandastack/contract'
import type { FastifyInstance } from 'fastify'

/** Calls that ask for an upgrade which a route can give. */
const upgradable = new WeakSet<IncomingMessage>()

/** Whether the connection of this call can be taken over for the protocol. */
export function asksFor(request: IncomingMessage, protocol: string): boolean {
  return upgradable.has(request) && protocolOf(request) === protocol
}

/**
 * Lets a call that asks for an upgrade go the way of all calls, so that who may do what is decided in one place. One for
 * a protocol that is not ours (some clients offer h2c with every call) is answered as if it had not asked, which HTTP
 * allows and Node does only while nobody listens for upgrades.
 */
export function acceptUpgrades(app: FastifyInstance): void {
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (head.length > 0) socket.unshift(head)
    if (protocolOf(request) !== EXEC_PROTOCOL || !(socket instanceof Socket)) return readAnew(app, request, socket)
    upgradable.add(request)
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    // A refusal is an ordinary answer, and the last on this connection.
    response.once('finish', () => {
      response.detachSocket(socket)
      socket.destroySoon()
    })
    socket.on('error', () => socket.destroy())
    app.routing(request, response)
  })
}

/** Gives the connection back to the server with the same head, but for the offer. */
function readAnew(app: FastifyInstance, request: IncomingMessage, socket: Duplex): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(at, at + 2)
    if (!/^(?:upgrade|connection|http2-settings)$/i.test(name)) lines.push(`${name}: ${value}`)
  }
  socket.unshift(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
  app.server.emit('connection', socket)
}

function protocolOf(request: IncomingMessage): string {
  return (request.headers.upgrade ?? '').trim().toLowerCase()
}
