import { connect, createServer, type Socket } from 'node:net'

export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Breaks all connections and refuses new ones, as a server that is gone. */
  cut(): void
  /** Keeps connections, and takes new ones, but passes nothing on: a network that swallows every packet. */
  stall(): void
  /** Passes on what comes from the near side, and swallows every answer. */
  deafen(): void
  /** Lets new connections through again. */
  mend(): void
  /** New connections lead to another port; those there are break. */
  retarget(port: number): void
}

/**
 * A wire to another port of this machine that can be cut.
 *
 * @param host the address that it listens at
 */
export async function tcpProxy(targetPort: number, host = '127.0.0.1'): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const answers = new Map<Socket, Socket>()
  let target = targetPort
  let isCut = false
  let isStalled = false
  const track = (socket: Socket): void => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  }
  const server = createServer((near) => {
    track(near)
    if (isCut) return void near.resetAndDestroy()
    if (isStalled) return void near.pause()
    const far = connect(target, '127.0.0.1')
    track(far)
    near.pipe(far).pipe(near)
    answers.set(far, near)
    far.once('close', () => answers.delete(far))
    near.once('close', () => far.destroy())
    far.once('close', () => near.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  const drop = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    port: address.port,
    cut() {
      isCut = true
      drop()
    },
    stall() {
      isStalled = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    deafen() {
      for (const [far, near] of answers) far.unpipe(near).resume()
    },
    mend() {
      isCut = false
      isStalled = false
    },
    retarget(port) {
      target = port
      drop()
    },
    async [Symbol.asyncDispose]() {
      drop()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
