import { once } from 'node:events'
import { BlockList, connect, createServer, isIPv6, type Server, type Socket } from 'node:net'

export interface ForwarderOptions {
  /** An address of this machine, e.g. the gateway of a project's network. */
  readonly host: string
  /** 0 = a free one. */
  readonly port: number
  /** Who may connect, in CIDR notation. */
  readonly subnet: string
  /** The host is the gateway of a network of containers: what comes from it is a program of this machine. Default false. */
  readonly isGateway?: boolean
  /** Where the connections go on to. */
  readonly target: { readonly host: string; readonly port: number }
  /** Called for each connection that is let in. false = there are too many; it is told so. */
  readonly enter: () => boolean
  /** Called when one that was let in has ended. */
  readonly leave: () => void
  /** Told the address of whoever was turned away. */
  readonly onStranger: (address: string) => void
}

export interface Forwarder {
  readonly port: number
  /** Breaks the connections that are open. */
  close(): Promise<void>
}

/**
 * Carries TCP connections from a network of containers to a port of this machine that listens on loopback only. Whoever
 * comes from another network is turned away before a byte of his is read: containers of other projects reach the
 * gateways of all networks.
 *
 * @throws the system's error: EADDRNOTAVAIL when the host is no address of this machine, EADDRINUSE
 */
export async function openForwarder(options: ForwarderOptions): Promise<Forwarder> {
  const { host, port, subnet, isGateway = false } = options
  const allowed = addressesOf(subnet)
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (client) => {
    const address = client.remoteAddress ?? ''
    // The machine's own programs have the target itself.
    if (!isAllowed(allowed, address) || (isGateway && address === host)) {
      client.on('error', () => undefined)
      client.resetAndDestroy()
      return options.onStranger(address)
    }
    carry(client, options, sockets)
  })
  server.listen({ host, port, exclusive: true })
  await once(server, 'listening')
  return {
    port: portOf(server),
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function carry(client: Socket, { target, enter, leave }: ForwarderOptions, sockets: Set<Socket>): void {
  // It may break at any moment, and nobody but the other end is to hear of it.
  client.on('error', () => undefined)
  if (!enter()) {
    client.end(tooManyConnections())
    return
  }
  const server = connect({ ...target, allowHalfOpen: true, noDelay: true, keepAlive: true })
  sockets.add(client).add(server)
  let open = 2
  const ended = (socket: Socket, other: Socket, broke: boolean): void => {
    sockets.delete(socket)
    // Otherwise what is on its way to the other end still arrives there, with the end behind it.
    if (broke) other.destroy()
    open -= 1
    if (open === 0) leave()
  }
  server.on('error', () => undefined)
  client.once('close', (broke) => ended(client, server, broke))
  server.once('close', (broke) => ended(server, client, broke))
  client.pipe(server)
  server.pipe(client)
}

/** As PostgreSQL says it itself, so that every client knows what it means. */
function tooManyConnections(): Buffer {
  const fields = ['SFATAL', 'VFATAL', 'C53300', 'Mtoo many connections: close some, or scale down']
  const body = Buffer.from(`${fields.map((field) => `${field}\0`).join('')}\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function addressesOf(subnet: string): BlockList {
  const [address = '', bits = ''] = subnet.split('/')
  const list = new BlockList()
  list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4')
  return list
}

function isAllowed(list: BlockList, address: string): boolean {
  return address !== '' && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the forwarder listens on no port')
  return address.port
}
