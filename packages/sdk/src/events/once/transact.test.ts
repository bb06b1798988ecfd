import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { transactOf } from './transact.ts'

/** What the tests with a real database cannot have: a connection that breaks at a chosen moment, and Prisma's engine. */

class Client extends EventEmitter {
  readonly said: string[] = []
  readonly released: unknown[] = []
  breaksAt = ''
  async query(text: string): Promise<void> {
    this.said.push(text)
    if (text !== this.breaksAt) return
    this.breaksAt = 'rollback'
    this.emit('error', new Error('broken'))
    throw new Error(`broken at ${text}`)
  }
  release(broken?: Error): void {
    this.released.push(broken?.message)
  }
}

function poolOf(client: Client) {
  return { totalCount: 1, query: () => null, connect: async () => client }
}

test('a pool of pg: begin, work, commit, and the client goes back', async () => {
  const client = new Client()
  await transactOf(poolOf(client))(async (tx) => (tx as Client).query('work'))
  expect(client.said).toEqual(['begin', 'work', 'commit'])
  expect(client.released).toEqual([undefined])
  expect(client.listenerCount('error')).toBe(0)
})

test('a pool of pg: work that fails is rolled back, and its error is told', async () => {
  const client = new Client()
  await expect(transactOf(poolOf(client))(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
  expect(client.said).toEqual(['begin', 'rollback'])
  expect(client.released).toEqual([undefined])
})

test.each(['begin', 'work', 'commit'])(
  'a connection that breaks at %s is thrown away, and ends nothing',
  async (at) => {
    const client = new Client()
    client.breaksAt = at
    const work = transactOf(poolOf(client))(async (tx) => (tx as Client).query('work'))
    await expect(work).rejects.toThrow(`broken at ${at}`)
    expect(client.released).toEqual(['broken at rollback'])
    // It may still say so after it was given back.
    expect(client.listenerCount('error')).toBe(1)
  },
)

test('Prisma: its interactive transaction, without a time limit of its own', async () => {
  const tx = { $queryRawUnsafe: () => [] }
  const asked: unknown[] = []
  const prisma = {
    $queryRawUnsafe: () => [],
    $transaction: async (work: (tx: object) => Promise<void>, options: unknown) => {
      asked.push(options)
      await work(tx)
    },
  }
  const got: object[] = []
  await transactOf(prisma)(async (given) => void got.push(given))
  expect(got).toEqual([tx])
  expect(asked).toEqual([{ maxWait: 10_000, timeout: 2_147_483_647 }])
})
