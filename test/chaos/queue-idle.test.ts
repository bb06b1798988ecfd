import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { tempDir } from '../support/temp-dir.ts'
import { QueueLogs } from './queue-logs.ts'
import { postgresStore, redisStore } from './queue-stores.ts'
import { panda } from './queue-subject.ts'
import { QueueWorkers } from './queue-workers.ts'

/** Longer than all the first waits between attempts to connect. */
const AWAY_MS = 3000

describe.each([
  ['redis', () => redisStore('everysec')],
  ['postgres', postgresStore],
] as const)('a worker on %s that has nothing to do', (_name, openStore) => {
  it('outlives a network that is cut, and works when it is back', async () => {
    await using store = await openStore()
    await using proxy = await tcpProxy(store.port)
    await using folder = await tempDir('chaos-queue-idle')
    const logs = new QueueLogs(folder.path)
    const queue = new Queue<{ n: number }>('chaos', { url: store.url(store.port) })
    const plan = { logs, module: panda.worker, concurrency: 5, handlerMs: [1, 1] } as const
    await using workers = new QueueWorkers({ ...plan, url: store.url(proxy.port) })
    try {
      await workers.add()
      await (await queue.add({ n: 1 })).finished({ timeout: '20s' })
      proxy.cut()
      await delay(AWAY_MS)
      proxy.mend()
      await (await queue.add({ n: 2 })).finished({ timeout: '20s' })
      const { silences, effects } = logs.read()
      expect(silences).toEqual([])
      expect(new Set(effects.map(({ pid }) => pid)).size).toBe(1)
    } finally {
      await queue.close()
    }
  })
})
