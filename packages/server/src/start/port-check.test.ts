import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { assertPortFree, listenError } from './port-check.ts'

describe('assertPortFree', () => {
  it('names the port that is taken and another one to try', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    try {
      await expect(assertPortFree('127.0.0.1', address.port)).rejects.toMatchObject({
        code: 'port_in_use',
        message: `Port ${address.port} of 127.0.0.1 is in use by another program.`,
        hint: expect.stringContaining('--port'),
      })
    } finally {
      await new Promise((resolve) => other.close(resolve))
    }
    await expect(assertPortFree('127.0.0.1', address.port)).resolves.toBeUndefined()
  })

  it('lets the system choose', async () => {
    await expect(assertPortFree('127.0.0.1', 0)).resolves.toBeUndefined()
  })

  it('says that an address is not of this machine', async () => {
    await expect(assertPortFree('192.0.2.1', 7300)).rejects.toMatchObject({ code: 'address_refused' })
  })

  it('leaves other errors as they are', () => {
    const error = new Error('EMFILE')
    expect(listenError(error, 'localhost', 1)).toBe(error)
  })
})
