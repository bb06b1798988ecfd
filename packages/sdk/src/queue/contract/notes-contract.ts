import { expect } from 'vitest'
import type { QueueTests } from './harness-contract.ts'
import { addJob, expectCode, newJob, recordOf } from './jobs-contract.ts'
import { Hand, failed, succeeded } from './worker-contract.ts'

const MAX_LINES = 1000
const UNKNOWN = '01arz3ndektsv4rrffq69g5fav'

export const noteTests: QueueTests = {
  'keeps progress and log lines of a running job': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    expect(await t.driver.logs(t.queue, id)).toEqual([])
    expect(await t.driver.note(t.queue, id, job.fence, { progress: '{"done":1}', lines: ['one', 'two ü\n"x"'] })).toBe(
      true,
    )
    expect(await t.driver.note(t.queue, id, job.fence, { lines: ['three'] })).toBe(true)
    expect(await t.other.logs(t.queue, id)).toEqual(['one', 'two ü\n"x"', 'three'])
    expect(await recordOf(t.other, t.queue, id)).toMatchObject({ progress: '{"done":1}' })
    await hand.succeed(job)
    expect(await t.driver.logs(t.queue, id)).toHaveLength(3)
    expect(await recordOf(t.driver, t.queue, id)).toMatchObject({ progress: '{"done":1}', state: 'succeeded' })
  },

  'keeps the last 1,000 lines, over attempts': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    const lines = Array.from({ length: 700 }, (_, index) => `a${index}`)
    await t.driver.note(t.queue, id, job.fence, { lines })
    await hand.record(failed(job, 0))
    await t.advance(5)
    const again = await hand.claimOne()
    await t.driver.note(t.queue, id, again.fence, { lines: lines.map((line) => `b${line}`) })
    const kept = await t.driver.logs(t.queue, id)
    expect(kept).toHaveLength(MAX_LINES)
    expect(kept[0]).toBe('a400')
    expect(kept.at(-1)).toBe('ba699')
  },

  'refuses notes without a valid fence': async (t) => {
    const [id, queued] = [await addJob(t), await addJob(t)]
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    const note = { progress: '1', lines: ['late'] }
    expect(await t.driver.note(t.queue, id, `${job.fence}1`, note)).toBe(false)
    expect(await t.driver.note(t.queue, queued, job.fence, note)).toBe(false)
    expect(await t.driver.note(t.queue, UNKNOWN, job.fence, note)).toBe(false)
    await hand.succeed(job)
    expect(await t.driver.note(t.queue, id, job.fence, note)).toBe(false)
    expect(await t.driver.logs(t.queue, id)).toEqual([])
    expect(await recordOf(t.driver, t.queue, id)).toMatchObject({ progress: null })
    expect(await t.driver.logs(t.queue, UNKNOWN)).toEqual([])
  },

  'refuses notes of an attempt that was taken back': async (t) => {
    const id = await addJob(t)
    const [lost, next] = [await Hand.hire(t), await Hand.hire(t)]
    const stale = await lost.claimOne()
    await lost.crash()
    const fresh = await next.claimOne()
    expect(await t.driver.note(t.queue, id, stale.fence, { progress: '1' })).toBe(false)
    expect(await t.driver.note(t.queue, id, fresh.fence, { progress: '2' })).toBe(true)
    expect(await recordOf(t.driver, t.queue, id)).toMatchObject({ progress: '2' })
  },

  'removes the log with the job': async (t) => {
    const job = newJob()
    await t.driver.add(t.queue, [job])
    const hand = await Hand.hire(t)
    const claimed = await hand.claimOne()
    await t.driver.note(t.queue, job.id, claimed.fence, { progress: '1', lines: ['x'] })
    await hand.succeed(claimed)
    await t.driver.change(t.queue, [job.id], { kind: 'remove' })
    expect(await t.driver.logs(t.queue, job.id)).toEqual([])
    await t.driver.add(t.queue, [job])
    expect(await recordOf(t.driver, t.queue, job.id)).toMatchObject({ progress: null })
    expect(await t.driver.logs(t.queue, job.id)).toEqual([])
  },

  'answers a watch with the record of what has ended, null before': async (t) => {
    const id = await addJob(t)
    expect(await t.other.watch(t.queue, id)).toBeNull()
    const hand = await Hand.hire(t)
    await hand.record(succeeded(await hand.claimOne(), '"v"'))
    expect(await t.other.watch(t.queue, id)).toMatchObject({ id, state: 'succeeded', value: '"v"' })
  },

  'says that there is no such job to watch': async (t) => {
    await expectCode(t.driver.watch(t.queue, UNKNOWN), 'job_not_found')
  },
}
