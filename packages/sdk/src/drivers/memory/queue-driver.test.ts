import { queueDriverContract } from '../../queue/driver-contract.ts'
import { openMemoryQueueDriver } from './queue-driver.ts'
import { MemoryStore } from './store.ts'

const START = Date.UTC(2026, 10, 24)

queueDriverContract('memory', () => {
  let now = START
  const store = new MemoryStore(() => now)
  return Promise.resolve({
    open: () => Promise.resolve(openMemoryQueueDriver({ store })),
    advance: (ms: number) => {
      now += ms
      return Promise.resolve()
    },
    dispose: () => Promise.resolve(),
  })
})
