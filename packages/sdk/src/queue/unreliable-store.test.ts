import { test } from 'vitest'
import { expectExactWork } from '../../../../test/support/unreliable-crowd.ts'
import { MemoryStore, openMemoryQueueDriver } from '../drivers/memory/index.ts'

test('one job per key, every job done, no result accepted twice, though the store loses answers', async () => {
  const store = new MemoryStore()
  await expectExactWork({ jobs: 600, open: () => Promise.resolve(openMemoryQueueDriver({ store })) })
}, 120_000)
