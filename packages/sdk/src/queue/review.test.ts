import { afterEach, expect, it } from 'vitest'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { Queue } from './queue.ts'

/** Defects that a review has found, each once. */

const opened: Queue<{ n?: number }>[] = []
afterEach(async () => {
  for (const queue of opened.splice(0)) await queue.close({ grace: 0 })
})
const driver = openMemoryQueueDriver()
function open(name: string): Queue<{ n?: number }> {
  const queue = new Queue<{ n?: number }>(name, { driver })
  opened.push(queue)
  return queue
}

it('runs a job that was cancelled while it waited and is retried afterwards', async () => {
  const queue = open('retried')
  const job = await queue.add({})
  queue.process(() => 'ran', { handleSignals: false })
  await job.finished()
  await queue.pause()
  const second = await queue.add({ n: 2 })
  await second.cancel()
  await queue.resume()
  await second.retry()
  expect(await second.finished()).toBe('ran')
})

it('redrives by id only what is dead, and for the reason that is given', async () => {
  const queue = open('redriven')
  let runs = 0
  queue.process(
    ({ data }) => {
      runs += 1
      if (data.n === 1) throw new Error('no')
    },
    { handleSignals: false },
  )
  const good = await queue.add({ n: 0 })
  await good.finished()
  const bad = await queue.add({ n: 1 }, { attempts: 1 })
  await expect(bad.finished()).rejects.toMatchObject({ code: 'job_failed' })
  expect(await queue.redrive({ ids: [good.id] })).toBe(0)
  expect(await queue.redrive({ ids: [bad.id], reason: 'crashes' })).toBe(0)
  expect(runs).toBe(2)
  expect(await queue.redrive({ ids: [good.id, bad.id], reason: 'attempts' })).toBe(1)
})

it("refuses Bull's order of the arguments", () => {
  expect(() => open('order').process(10 as never, (() => undefined) as never)).toThrow(
    expect.objectContaining({ code: 'invalid_option' }),
  )
})
