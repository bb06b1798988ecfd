import { Socket } from 'node:net'
import pg from 'pg'

/**
 * A client of the pool whose connection ends when it is in use and silent for too long. A network that swallows packets
 * (a firewall that forgot the connection, a host that lost its power) gives no error: without this a query waits for an
 * answer that never comes, for as long as the process lives.
 */
export class WatchedClient extends pg.Client {
  readonly #socket: Socket

  constructor(config?: pg.ClientConfig) {
    const socket = new Socket()
    // A stream of our own, since pg shows nobody the one that it makes; TLS is put on top of it.
    super({ ...config, stream: () => socket })
    this.#socket = socket
    socket.on('timeout', () => {
      const error = new Error('the database did not answer in time: the connection is given up')
      socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }))
    })
  }

  /** From now on so many milliseconds without a byte in either direction end the connection; 0 = it may be silent. */
  limitSilence(milliseconds: number): void {
    this.#socket.setTimeout(milliseconds)
  }
}
