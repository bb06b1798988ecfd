import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createOutbound, OutboundError } from './outbound.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void
const open: { close(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

async function serve(handler: Handler): Promise<{ port: number; hits: () => number }> {
  let hits = 0
  const server = createServer((request, response) => {
    hits++
    handler(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({ close: () => (server.closeAllConnections(), server.close()) })
  return { port: (server.address() as AddressInfo).port, hits: () => hits }
}

function outbound(allow: string[] = []) {
  const client = createOutbound(allow)
  open.push(client)
  return client
}

async function failure(promise: Promise<void>): Promise<OutboundError> {
  return promise.then(
    () => Promise.reject(new Error('it was sent')),
    (error: unknown) => {
      if (error instanceof OutboundError) return error
      throw error
    },
  )
}

describe('the guarded client', () => {
  it.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '0.0.0.0'])(
    'does not connect to %s',
    async (host) => {
      const { port, hits } = await serve((_, response) => response.end())
      const error = await failure(outbound().post(`http://${host}:${port}/`, '{}', {}))
      expect(error.refused).toBe(true)
      expect(error.message).toContain('PANDA_ALERT_ALLOW')
      expect(hits()).toBe(0)
    },
  )

  it.each(['10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '[fd00::1]', '[fe80::1]', '100.64.0.1'])(
    'refuses %s without trying',
    async (host) => {
      expect((await failure(outbound().post(`http://${host}/`, '{}', {}))).refused).toBe(true)
    },
  )

  it('posts body and headers to an address on the allow-list', async () => {
    let seen = ''
    const { port } = await serve((request, response) => {
      request.on('data', (chunk: Buffer) => (seen += `${String(request.headers['x-test'])} ${chunk.toString()}`))
      request.on('end', () => response.writeHead(204).end())
    })
    await outbound(['127.0.0.0/8']).post(`http://127.0.0.1:${port}/`, '{"a":1}', { 'x-test': 'yes' })
    expect(seen).toBe('yes {"a":1}')
  })

  it('follows no redirect', async () => {
    const target = await serve((_, response) => response.end())
    const { port } = await serve((_, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${target.port}/` }).end(),
    )
    expect((await failure(outbound(['127.0.0.0/8']).post(`http://127.0.0.1:${port}/`, '', {}))).message).toBe(
      'the receiver answered 302',
    )
    expect(target.hits()).toBe(0)
  })

  it('tells the status and the wished pause, and nothing of the body', async () => {
    const { port } = await serve((_, response) =>
      response.writeHead(503, { 'retry-after': '7' }).end('internal secret'),
    )
    const error = await failure(outbound(['127.0.0.1']).post(`http://127.0.0.1:${port}/`, '', {}))
    expect(error.message).toBe('the receiver answered 503')
    expect(error.retryAfterMs).toBe(7000)
  })

  it('cuts off a receiver that sends without end', async () => {
    const { port } = await serve((_, response) => response.writeHead(200).end(Buffer.alloc(1_000_000)))
    expect((await failure(outbound(['127.0.0.1']).post(`http://127.0.0.1:${port}/`, '', {}))).message).toContain(
      '64 KiB',
    )
  })

  it('ends with its signal', async () => {
    const { port } = await serve(() => {})
    const abort = new AbortController()
    const sent = failure(outbound(['127.0.0.1']).post(`http://127.0.0.1:${port}/`, '', {}, abort.signal))
    abort.abort()
    expect((await sent).message).toContain('abort')
  })

  it('calls nothing but http and https', async () => {
    expect((await failure(outbound().post('file:///etc/passwd', '', {}))).refused).toBe(true)
  })
})
