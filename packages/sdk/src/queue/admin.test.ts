import { describe, expect, it } from 'vitest'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { QueueAdmin } from './admin.ts'
import type { QueueDriver } from './driver.ts'
import { Queue } from './queue.ts'

/** A driver that writes down what it is asked. */
function counted(): { driver: QueueDriver; calls: string[] } {
  const calls: string[] = []
  const driver = new Proxy(openMemoryQueueDriver(), {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        calls.push(String(name))
        return value.apply(target, args)
      }
    },
  })
  return { driver, calls }
}

async function stage() {
  const { driver, calls } = counted()
  const choice = { driver, allowUnsafeStore: true }
  const queue = new Queue<{ n: number }>('uploads', choice)
  const admin = new QueueAdmin(choice)
  const { id } = await queue.add({ n: 1 })
  const { id: logless } = await queue.add({ n: 2 })
  /** What the store is asked by one call of the admin. */
  const asked = async (call: () => Promise<unknown>): Promise<string[]> => {
    calls.length = 0
    await call()
    return [...calls]
  }
  return {
    admin,
    id,
    logless,
    asked,
    async [Symbol.asyncDispose]() {
      await admin.close()
      await queue.close()
      await driver.close()
    },
  }
}

describe('what a call costs the store', () => {
  it('one call for a look at a queue or a job that is there', async () => {
    await using world = await stage()
    const { admin, id, asked } = world
    expect(await asked(() => admin.get('uploads'))).toEqual(['stats'])
    expect(await asked(() => admin.jobs('uploads', { state: 'queued' }))).toEqual(['list'])
    expect(await asked(() => admin.job('uploads', id))).toEqual(['get'])
    expect(await asked(() => admin.list())).toEqual(['queues', 'stats'])
  })

  it('the change and the look at what came of it', async () => {
    await using world = await stage()
    const { admin, id, asked } = world
    expect(await asked(() => admin.pause('uploads', true))).toEqual(['stats', 'configure'])
    expect(await asked(() => admin.cancel('uploads', id))).toEqual(['change', 'get'])
    expect(await asked(() => admin.retry('uploads', id, { n: 3 }))).toEqual(['change', 'get'])
    expect(await asked(() => admin.drain('uploads'))).toEqual(['list', 'change', 'list', 'list'])
  })

  it('one more when the answer is empty: is there such a queue?', async () => {
    await using world = await stage()
    const { admin, logless, asked } = world
    expect(await asked(() => admin.jobs('uploads', { state: 'dead' }))).toEqual(['list', 'queues'])
    expect(await asked(() => admin.logs('uploads', logless))).toEqual(['logs', 'get'])
    expect(await asked(() => admin.redrive('uploads', {}))).toEqual(['list', 'queues'])
  })
})

describe('a queue that is not there', () => {
  it.each([
    ['get', (admin: QueueAdmin) => admin.get('nothing')],
    ['pause', (admin: QueueAdmin) => admin.pause('nothing', true)],
    ['jobs', (admin: QueueAdmin) => admin.jobs('nothing', { state: 'queued' })],
    ['job', (admin: QueueAdmin) => admin.job('nothing', 'x')],
    ['logs', (admin: QueueAdmin) => admin.logs('nothing', 'x')],
    ['retry', (admin: QueueAdmin) => admin.retry('nothing', 'x')],
    ['cancel', (admin: QueueAdmin) => admin.cancel('nothing', 'x')],
    ['drain', (admin: QueueAdmin) => admin.drain('nothing')],
    ['redrive', (admin: QueueAdmin) => admin.redrive('nothing', {})],
  ])('%s says so, and makes none', async (_name, call) => {
    await using world = await stage()
    await expect(call(world.admin)).rejects.toMatchObject({ code: 'queue_not_found' })
    expect(await world.admin.names()).toEqual(['uploads'])
  })

  it('a job that is not there is told apart from it', async () => {
    await using world = await stage()
    const missing = '00000000000000000000000000'
    await expect(world.admin.job('uploads', missing)).rejects.toMatchObject({ code: 'job_not_found' })
    await expect(world.admin.cancel('uploads', missing)).rejects.toMatchObject({ code: 'job_not_found' })
    await expect(world.admin.logs('uploads', missing)).rejects.toMatchObject({ code: 'job_not_found' })
  })

  it('one that only has a setting or a worker is there', async () => {
    await using world = await stage()
    await world.admin.add('fresh', {}, {})
    await world.admin.drain('fresh')
    expect(await world.admin.get('fresh')).toMatchObject({ name: 'fresh', paused: false })
    expect(await world.admin.pause('fresh', true)).toMatchObject({ name: 'fresh', paused: true })
    expect(await world.admin.get('fresh')).toMatchObject({ paused: true })
  })
})
