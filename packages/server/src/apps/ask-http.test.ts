import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { askHttp } from './ask-http.ts'
import type { UnitAddress } from '../runtime/driver.ts'

const open: Server[] = []
const sockets = new Set<Socket>()
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  }
  sockets.clear()
})

async function listening(server: Server) {
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(server)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has told no port')
  return { host: '127.0.0.1', port: address.port }
}
const web = (listener: RequestListener) => listening(createServer(listener))
const never = new AbortController().signal
const askProbe = (address: UnitAddress, path: string, signal: AbortSignal, limitMs = 2000) =>
  askHttp(address, { port: 3000, path }, limitMs, signal)

describe('an HTTP probe', () => {
  it.each([
    [200, null],
    [204, null],
    [301, null],
    [399, null],
    [400, 'answered 400'],
    [404, 'answered 404'],
    [500, 'answered 500'],
    [503, 'answered 503'],
  ])('takes %i as %s', async (status, trouble) => {
    const address = await web((_, answer) => answer.writeHead(status, { location: '/elsewhere' }).end('text'))
    expect(await askProbe(address, '/', never)).toBe(trouble)
  })

  it('asks for the path that it was told, as a client that leaves', async () => {
    const seen: unknown[] = []
    const address = await web(({ method, url, headers }, answer) => {
      seen.push(method, url, headers.host, headers.connection, headers['user-agent'])
      answer.end()
    })
    expect(await askProbe(address, '/healthz?full=1', never)).toBeNull()
    expect(seen).toEqual(['GET', '/healthz?full=1', 'localhost:3000', 'close', 'panda-probe'])
  })

  it('needs the head of an answer only: an endless body is no matter', async () => {
    const address = await web((_, answer) => void answer.writeHead(200).write('never ends'))
    expect(await askProbe(address, '/', never)).toBeNull()
  })

  it('does not wait for ever', async () => {
    const address = await web(() => undefined)
    expect(await askProbe(address, '/', never, 100)).toBe('did not answer within 100ms')
  })

  it('says what may keep it from a container where only Linux would reach it', async () => {
    const address = await web(() => undefined)
    expect(await askProbe({ ...address, onlyOnLinux: true }, '/', never, 100)).toMatch(
      /^did not answer within 100ms \(if its engine runs in a virtual machine .*publish the port by --port\)$/,
    )
    const answering = await web((_, answer) => answer.writeHead(503).end())
    expect(await askProbe({ ...answering, onlyOnLinux: true }, '/', never)).toBe('answered 503')
  })

  it('tells where nothing listens, what cuts off and what speaks no HTTP', async () => {
    const closed = createTcpServer()
    const nowhere = await listening(closed)
    open.pop()
    closed.close()
    await once(closed, 'close')
    expect(await askProbe(nowhere, '/', never)).toContain('was refused: nothing listens there')
    const cutting = await listening(createTcpServer((socket) => socket.resetAndDestroy()))
    expect(await askProbe(cutting, '/', never)).toBe('was cut off without an answer')
    const other = await listening(createTcpServer((socket) => socket.end('220 mail.example.com ESMTP\r\n')))
    expect(await askProbe(other, '/', never)).toBe('was not answered in HTTP')
  })

  it('ends with its signal', async () => {
    const address = await web(() => undefined)
    const stop = new AbortController()
    const asked = askProbe(address, '/', stop.signal)
    stop.abort(new Error('stopped'))
    await expect(asked).rejects.toThrow('stopped')
  })
})
