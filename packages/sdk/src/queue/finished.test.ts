import { expect, test, vi } from 'vitest'
import { code, memoryQueues } from '../../../../test/support/memory-queues.ts'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { PandaError } from '../errors.ts'
import { systemClock } from './clock.ts'
import type { QueueDriver, Signal } from './driver.ts'
import { FinishWatch } from './finish-watch.ts'
import type { Watcher } from './finish-watch.ts'

const open = memoryQueues()
const away = () => new PandaError('store_away', 'the store is away (test)')

/** A driver whose signals come when told to, and what was asked of it. */
function mutedDriver() {
  const driver = openMemoryQueueDriver()
  const listeners = new Set<(signal: Signal) => void>()
  vi.spyOn(driver, 'listen').mockImplementation((_queues, onSignal) => {
    listeners.add(onSignal)
    return Promise.resolve(() => void listeners.delete(onSignal))
  })
  const tell = (signal: Signal): void => {
    for (const listener of listeners) listener(signal)
  }
  return { driver, tell, watch: watchOf(driver) }
}

function watchOf(driver: QueueDriver) {
  const watch = vi.spyOn(driver, 'watch')
  return Object.assign(watch, {
    asked: (times: number) => vi.waitUntil(() => watch.mock.settledResults.length >= times),
  })
}

test('who waits for a job that is removed is told so', async () => {
  const driver = openMemoryQueueDriver()
  const watch = watchOf(driver)
  const queue = open({ driver })
  const job = await queue.add({})
  const told = expect(job.finished()).rejects.toMatchObject({
    code: 'job_cancelled',
    message: expect.stringContaining('removed'),
  })
  await watch.asked(1)
  await open({ driver }).remove(job.id)
  await told
})

test('who waits for a job is told that the queue was closed; who does so by another object goes on', async () => {
  const driver = openMemoryQueueDriver()
  const [waiting, other] = [open({ driver }), open<object, string>({ driver })]
  const job = await waiting.add({})
  const told = expect(job.finished()).rejects.toEqual(code('closed'))
  const theirs = other.finished(job.id)
  await waiting.close()
  await told
  await expect(waiting.finished(job.id)).rejects.toEqual(code('closed'))
  other.process(() => 'done')
  expect(await theirs).toBe('done')
})

test('after a reconnect a job is asked for until there is an answer', async () => {
  const { driver, tell, watch } = mutedDriver()
  const queue = open<object, string>({ driver })
  const job = await queue.add({})
  const end = job.finished()
  await watch.asked(1)
  queue.process(() => 'done')
  await vi.waitUntil(async () => (await job.info())?.state === 'succeeded')
  watch.mockRejectedValueOnce(away()).mockRejectedValueOnce(away())
  tell({ kind: 'reconnected' })
  expect(await end).toBe('done')
  expect(watch).toHaveBeenCalledTimes(4)
})

test('a job that is gone after a reconnect is no longer waited for', async () => {
  const { driver, tell, watch } = mutedDriver()
  const job = await open({ driver }).add({})
  const told = expect(job.finished()).rejects.toEqual(code('job_not_found'))
  await watch.asked(1)
  await job.remove()
  watch.mockRejectedValueOnce(new PandaError('job_not_found', 'no such job'))
  tell({ kind: 'reconnected' })
  await told
})

test('many wait for one job, one of them not for long', async () => {
  const { driver, tell, watch } = mutedDriver()
  const job = await open<object, string>({ driver }).add({})
  const ends = Promise.all([job.finished(), job.finished({ timeout: '1h' })])
  await expect(job.finished({ timeout: 5 })).rejects.toEqual(code('timed_out'))
  await watch.asked(3)
  const how = { state: 'succeeded', value: '"ok"', error: null, reason: null } as const
  tell({ kind: 'finished', queue: 'q', id: job.id, ...how })
  expect(await ends).toEqual(['ok', 'ok'])
})

test('a queue that is closed while the store does not answer waits for nothing', async () => {
  const driver = openMemoryQueueDriver()
  const watch = vi.spyOn(driver, 'watch').mockReturnValue(new Promise(() => undefined))
  const queue = open({ driver })
  const job = await queue.add({})
  const told = expect(job.finished()).rejects.toEqual(code('closed'))
  await vi.waitUntil(() => watch.mock.calls.length === 1)
  await queue.close()
  await told
})

/** The watch itself, over a hub that counts its subscriptions. */
function aWatch(watch: QueueDriver['watch']) {
  let subscribed = 0
  const subscribe = (): Promise<() => void> => {
    subscribed += 1
    return Promise.resolve(() => (subscribed -= 1))
  }
  const told = vi.fn()
  const watcher: Watcher = { ended: told, failed: told }
  const finish = new FinishWatch({ watch }, { subscribe }, systemClock)
  return { finish, watcher, told, subscriptions: () => subscribed }
}

test('the subscription ends with the last who waits', async () => {
  const { finish, watcher, told, subscriptions } = aWatch(() => Promise.resolve(null))
  const { signal } = new AbortController()
  const stops = [await finish.watch('q', 'a', watcher, signal), await finish.watch('q', 'b', watcher, signal)]
  expect(subscriptions()).toBe(1)
  stops[0]?.()
  stops[0]?.()
  expect(subscriptions()).toBe(1)
  stops[1]?.()
  await vi.waitUntil(() => subscriptions() === 0)
  expect(told).not.toHaveBeenCalled()
})

test('who gives up before the store has answered leaves no subscription behind', async () => {
  const { finish, watcher, subscriptions } = aWatch(() => new Promise(() => undefined))
  const giveUp = new AbortController()
  void finish.watch('q', 'a', watcher, giveUp.signal)
  expect(subscriptions()).toBe(1)
  giveUp.abort()
  await vi.waitUntil(() => subscriptions() === 0)
})

test('a timeout before the store has answered ends the watch when the answer comes', async () => {
  const { driver, tell, watch } = mutedDriver()
  let answer: (record: null) => void = () => undefined
  watch.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)))
  const job = await open({ driver }).add({})
  await expect(job.finished({ timeout: 10 })).rejects.toEqual(code('timed_out'))
  answer(null)
  await watch.asked(1)
  // Whoever still waited would be asked for once more.
  tell({ kind: 'reconnected' })
  await new Promise((resolve) => setImmediate(resolve))
  expect(watch).toHaveBeenCalledTimes(1)
})
