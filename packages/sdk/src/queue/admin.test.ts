import { afterEach, expect, test, vi } from 'vitest'
import { code, memoryQueues } from '../../../../test/support/memory-queues.ts'
import { MemoryStore, openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { QueueAdmin } from './admin.ts'

const open = memoryQueues()
const admins: QueueAdmin[] = []
afterEach(async () => {
  await Promise.all(admins.splice(0).map((admin) => admin.close()))
})

function anAdmin() {
  const store = new MemoryStore()
  const driver = openMemoryQueueDriver({ store })
  const admin = new QueueAdmin({ driver, allowUnsafeStore: true })
  admins.push(admin)
  return { admin, names: vi.spyOn(driver, 'queues'), queue: open({ driver: openMemoryQueueDriver({ store }) }) }
}

test('asks for the names of all queues only when it looks as if there were no such queue', async () => {
  const { admin, names, queue } = anAdmin()
  const job = await queue.add({ n: 1 })
  await admin.get('q')
  await admin.jobs('q', { state: 'queued' })
  await admin.cancel('q', job.id)
  expect((await admin.job('q', job.id)).state).toBe('cancelled')
  expect(names).not.toHaveBeenCalled()
})

test('a queue that is not there is named, until there is one', async () => {
  const { admin, names, queue } = anAdmin()
  for (const call of [() => admin.get('q'), () => admin.pause('q', true), () => admin.drain('q')])
    await expect(call()).rejects.toEqual(code('queue_not_found'))
  expect(names).toHaveBeenCalledTimes(3)
  await queue.add({})
  expect(await admin.drain('q')).toEqual({ jobs: 1 })
})
