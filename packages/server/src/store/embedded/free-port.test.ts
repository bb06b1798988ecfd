import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { freePort } from './free-port.ts'

describe('freePort', () => {
  it('names a port that can be listened on', async () => {
    const port = await freePort()
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    expect(server.address()).toMatchObject({ address: '127.0.0.1', port })
    const closed = once(server, 'close')
    server.close()
    await closed
  })

  it('never names one that is taken', async () => {
    const taken = await freePort()
    const server = createServer().listen(taken, '127.0.0.1')
    await once(server, 'listening')
    const others = await Promise.all(Array.from({ length: 50 }, () => freePort()))
    expect(others).not.toContain(taken)
    const closed = once(server, 'close')
    server.close()
    await closed
  })
})
