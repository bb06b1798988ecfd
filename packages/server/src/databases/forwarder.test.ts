import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { type Forwarder, type ForwarderOptions, openForwarder } from './forwarder.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Says everything back, once the other side has said all of it. */
async function echo(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function open(
  change: Partial<ForwarderOptions> = {},
): Promise<{ forwarder: Forwarder; strangers: string[]; left: () => number }> {
  const strangers: string[] = []
  let left = 0
  const forwarder = await openForwarder({
    host: '127.0.0.1',
    port: 0,
    subnet: '127.0.0.0/24',
    target: { host: '127.0.0.1', port: change.target?.port ?? (await echo()) },
    enter: () => true,
    leave: () => void (left += 1),
    onStranger: (address) => strangers.push(address),
    ...change,
  })
  cleanups.push(() => forwarder.close())
  return { forwarder, strangers, left: () => left }
}

function dial({ port }: Forwarder, localAddress = '127.0.0.1', host = '127.0.0.1'): Socket {
  return connect({ port, host, localAddress })
}

/** An end is heard by whoever reads only. */
async function closed(socket: Socket): Promise<void> {
  // Not by `once`, which an error on the way would end.
  const end = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  socket.resume()
  await end
}

describe('a forwarder', () => {
  it('carries both directions whole, also what is on its way when one side has said all', async () => {
    const { forwarder, left } = await open()
    const sent = Buffer.alloc(3_000_000, 'panda')
    const socket = dial(forwarder)
    socket.end(sent)
    expect((await buffer(socket)).equals(sent)).toBe(true)
    await expect.poll(left).toBe(1)
  })

  it('turns away whoever comes from outside of the subnet, without a byte', async () => {
    const { forwarder, strangers } = await open()
    const socket = dial(forwarder, '127.0.1.5')
    socket.on('error', () => undefined)
    socket.write('hello')
    await closed(socket)
    expect([socket.bytesRead, strangers]).toEqual([0, ['127.0.1.5']])
  })

  it('turns away what comes from the gateway itself: the machine’s own programs', async () => {
    const { forwarder, strangers } = await open({ isGateway: true })
    const own = dial(forwarder)
    own.on('error', () => undefined)
    await closed(own)
    expect(strangers).toEqual(['127.0.0.1'])
    const unit = dial(forwarder, '127.0.0.9')
    unit.end('hello')
    expect(String(await buffer(unit))).toBe('hello')
  })

  it('tells in PostgreSQL’s words that there are too many', async () => {
    const { forwarder } = await open({ enter: () => false })
    const answer = await buffer(dial(forwarder))
    expect(answer[0]).toBe('E'.charCodeAt(0))
    expect(answer.readInt32BE(1)).toBe(answer.length - 1)
    const fields = answer.subarray(5).toString().split('\0')
    expect(fields).toEqual(['SFATAL', 'VFATAL', 'C53300', expect.stringMatching(/^Mtoo many connections/), '', ''])
  })

  it('ends a connection whose target is not there, and all of them when it is closed', async () => {
    const { forwarder: nowhere, left } = await open({ target: { host: '127.0.0.1', port: 1 } })
    const refused = dial(nowhere)
    refused.on('error', () => undefined)
    await closed(refused)
    await expect.poll(left).toBe(1)

    const { forwarder } = await open()
    const socket = dial(forwarder)
    socket.on('error', () => undefined)
    socket.write('x')
    await once(socket, 'data')
    await forwarder.close()
    await closed(socket)
    const late = dial(forwarder)
    const [error] = await once(late, 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('says which of its addresses cannot be had', async () => {
    const { forwarder } = await open()
    await expect(open({ port: forwarder.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await expect(open({ host: '192.0.2.1' })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
  })
})
