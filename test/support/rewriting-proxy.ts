import { connect, createServer, type Socket } from 'node:net'
import { Transform } from 'node:stream'

export interface RewritingProxy extends AsyncDisposable {
  readonly port: number
}

/**
 * A wire to a real server on which one text of its answers is replaced by another one of the same length: so an old version
 * can be met that is not there to be installed. The text must not be so long that it is torn apart by packets.
 */
export async function rewritingProxy(targetPort: number, from: string, to: string): Promise<RewritingProxy> {
  if (from.length !== to.length) throw new RangeError(`"${to}" has another length than "${from}"`)
  const sockets = new Set<Socket>()
  const track = (socket: Socket): void => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  }
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1')
    track(near)
    track(far)
    const rewrite = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        done(null, Buffer.from(chunk.toString('latin1').replaceAll(from, to), 'latin1'))
      },
    })
    near.pipe(far).pipe(rewrite).pipe(near)
    far.once('close', () => near.destroy())
    near.once('close', () => far.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
