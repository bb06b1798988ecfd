import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { gate, memoryQueues } from '../../../../test/support/memory-queues.ts'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'

/** What the platform hears of a worker, see lifecycle/told-worker.ts. */

const anyQueue = memoryQueues()
const write = vi.spyOn(process.stdout, 'write')
const told: Record<string, unknown>[] = []
beforeEach(() => {
  told.length = 0
  vi.stubEnv('PANDA_INSTANCE', 'ins_1')
  write.mockImplementation((text) => {
    const line = String(text)
    if (line.startsWith('panda::ins_1 ')) told.push(JSON.parse(line.slice('panda::ins_1 '.length)) as (typeof told)[0])
    return true
  })
})
afterEach(() => {
  write.mockReset()
  vi.unstubAllEnvs()
})

const words = () => told.map(({ of: _of, worker: _worker, ...word }) => word)

test('a worker starts at once, registers, and drains what it holds', async () => {
  const queue = anyQueue({ driver: openMemoryQueueDriver() })
  const [started, go] = [gate(), gate()]
  const worker = queue.process(async () => {
    started.open()
    await go.promise
  })
  expect(words()).toEqual([{ kind: 'starting' }])
  await worker.started
  await queue.add({ n: 1 })
  await started.promise
  const closed = queue.close({ grace: '5s' })
  await vi.waitFor(() => expect(told.at(-1)).toMatchObject({ kind: 'draining', held: 1 }))
  go.open()
  await closed
  expect(words().map(({ kind }) => kind)).toEqual(['starting', 'registered', 'draining', 'drained'])
  expect(told.at(-1)).toMatchObject({ of: `queue ${queue.name}`, finished: 1, handedBack: 0 })
  expect(new Set(told.map(({ worker: id }) => id)).size).toBe(1)
})

test('what is over the grace is told as handed back', async () => {
  const queue = anyQueue({ driver: openMemoryQueueDriver() })
  const started = gate()
  const worker = queue.process(async (_job, { signal }) => {
    started.open()
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  })
  await worker.started
  await queue.add({ n: 1 })
  await started.promise
  await queue.close({ grace: 0 })
  expect(told.at(-1)).toMatchObject({ kind: 'drained', finished: 0, handedBack: 1 })
})

test('one that is closed before it has registered is waited for by nobody', async () => {
  const queue = anyQueue({ driver: openMemoryQueueDriver() })
  queue.process(() => undefined)
  await queue.close()
  expect(words()[0]).toEqual({ kind: 'starting' })
  expect(words().at(-1)).toEqual({ kind: 'drained', finished: 0, handedBack: 0 })
})
