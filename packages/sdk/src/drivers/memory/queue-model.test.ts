import { it } from 'vitest'
import { expectModel } from '../../../../../test/support/queue-model/queue-model.ts'
import { openMemoryQueueDriver } from './queue-driver.ts'
import { MemoryStore } from './store.ts'

const RUNS = { numRuns: 400, maxCommands: 80 }

it('does what the model says, whatever comes in whatever order', async () => {
  let now = Date.UTC(2026, 10, 24)
  const store = new MemoryStore(() => now)
  await expectModel(
    {
      open: () => Promise.resolve(openMemoryQueueDriver({ store })),
      advance: (ms) => {
        now += ms
        return Promise.resolve()
      },
      dispose: () => Promise.resolve(),
    },
    RUNS,
  )
}, 120_000)
