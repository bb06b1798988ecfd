import { expect } from 'vitest'
import type { QueueContext, QueueTests } from './harness-contract.ts'
import type { JobState } from '../states.ts'
import { HOUR, addJob, addJobs, newJob } from './jobs-contract.ts'
import { Hand, died, failed } from './worker-contract.ts'

const UNKNOWN = '01arz3ndektsv4rrffq69g5fav'

/** Ids of all pages. */
async function pagesOf(t: QueueContext, state: JobState, limit: number, group?: string): Promise<string[][]> {
  const pages: string[][] = []
  let cursor: string | undefined
  do {
    const query = { state, limit, ...(group !== undefined && { group }), ...(cursor !== undefined && { cursor }) }
    const page = await t.driver.list(t.queue, query)
    expect(page.jobs.every((job) => job.state === state)).toBe(true)
    pages.push(page.jobs.map((job) => job.id))
    cursor = page.cursor ?? undefined
  } while (cursor !== undefined && pages.length < 100)
  return pages
}

export const readTests: QueueTests = {
  'gets records in order, null for what is not there': async (t) => {
    const [a = '', b = ''] = await addJobs(t, 2)
    const records = await t.other.get(t.queue, [b, UNKNOWN, a])
    expect(records.map((record) => record?.id ?? null)).toEqual([b, null, a])
    expect(await t.driver.get(t.queueNamed('unknown'), [a])).toEqual([null])
    expect(await t.driver.get(t.queue, [])).toEqual([])
  },

  'pages through queued jobs in the order in which they would run': async (t) => {
    const low = await addJobs(t, 15)
    const high = await addJobs(t, 10, { priority: 3 })
    const pages = await pagesOf(t, 'queued', 10)
    expect(pages.flat()).toEqual([...high, ...low])
    expect(pages.every((page) => page.length <= 10)).toBe(true)
    expect((await t.driver.list(t.queue, { state: 'queued', limit: 3 })).jobs.map((job) => job.id)).toEqual(
      high.slice(0, 3),
    )
  },

  'pages through every other state, each job once, oldest first': async (t) => {
    const hand = await Hand.hire(t)
    const scheduled = await addJobs(t, 7, (index) => ({ delayMs: HOUR + index }))
    const ids = await addJobs(t, 28)
    const jobs = await hand.claim(28)
    for (const job of jobs.slice(0, 7)) await hand.succeed(job)
    for (const job of jobs.slice(7, 14)) await hand.record(died(job))
    for (const [index, job] of jobs.slice(14, 21).entries()) await hand.record(failed(job, HOUR + index * 1000))
    expect((await pagesOf(t, 'scheduled', 3)).flat()).toEqual(scheduled)
    expect((await pagesOf(t, 'retrying', 3)).flat()).toEqual(ids.slice(14, 21))
    for (const [state, from] of [['succeeded', 0] as const, ['dead', 7] as const, ['running', 21] as const]) {
      const listed = (await pagesOf(t, state, 3)).flat()
      expect(listed.toSorted()).toEqual(ids.slice(from, from + 7))
    }
    expect(await pagesOf(t, 'cancelled', 3)).toEqual([[]])
  },

  'lists what ended earlier first': async (t) => {
    const ids = await addJobs(t, 3)
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(3)
    for (const job of jobs.toReversed()) {
      await hand.succeed(job)
      await t.advance(5)
    }
    expect((await pagesOf(t, 'succeeded', 2)).flat()).toEqual(ids.toReversed())
  },

  'loses no job between two pages when others come and go': async (t) => {
    const ids = await addJobs(t, 10)
    const first = await t.driver.list(t.queue, { state: 'queued', limit: 5 })
    await t.driver.change(t.queue, ids.slice(0, 2), { kind: 'remove' })
    await addJob(t)
    const { cursor } = first
    if (cursor === null) throw new Error('a second page was expected')
    const second = await t.driver.list(t.queue, { state: 'queued', limit: 5, cursor })
    expect(second.jobs.map((job) => job.id)).toEqual(ids.slice(5))
  },

  'lists one group': async (t) => {
    await addJobs(t, 4, (index) => ({ group: index % 2 === 0 ? 'a' : 'b' }))
    await addJobs(t, 2)
    const ids = (await pagesOf(t, 'queued', 1, 'b')).flat()
    const records = await t.driver.get(t.queue, ids)
    expect(records.map((record) => record?.group)).toEqual(['b', 'b'])
    expect((await pagesOf(t, 'queued', 10, 'none')).flat()).toEqual([])
    expect((await pagesOf(t, 'queued', 2)).flat()).toHaveLength(6)
  },

  'counts, totals and workers in one look': async (t) => {
    const empty = await t.driver.stats(t.queueNamed('unknown'))
    expect(empty).toMatchObject({
      counts: { queued: 0, dead: 0 },
      totals: { added: 0 },
      oldestQueuedMs: null,
      workers: [],
    })
    await addJobs(t, 3)
    await addJob(t, { delayMs: HOUR })
    await t.advance(50)
    const hand = await Hand.hire(t)
    await Hand.hire(t, { driver: t.other })
    await hand.claim(2)
    const stats = await t.other.stats(t.queue)
    expect(stats.counts).toEqual({
      scheduled: 1,
      queued: 1,
      running: 2,
      retrying: 0,
      succeeded: 0,
      cancelled: 0,
      dead: 0,
    })
    expect(stats.totals.added).toBe(4)
    expect(stats.oldestQueuedMs).toBeGreaterThanOrEqual(50)
    expect(stats.workers.map((worker) => worker.running).toSorted((a, b) => a - b)).toEqual([0, 2])
    const [worker] = stats.workers.filter((one) => one.id === hand.id)
    expect(worker).toMatchObject({ about: '{"host":"test"}', running: 2 })
    expect(worker?.leaseEndsInMs).toBeGreaterThan(HOUR / 2)
    expect(worker?.leaseEndsInMs).toBeLessThanOrEqual(HOUR)
  },

  'forgets a worker that left or vanished': async (t) => {
    const [leaving, lost] = [await Hand.hire(t), await Hand.hire(t)]
    await leaving.leave()
    await lost.crash()
    expect((await t.driver.stats(t.queue)).workers).toEqual([])
  },

  'names the queues that exist, sorted': async (t) => {
    const [jobs, settings, worker] = ['z-jobs', 'b-settings', 'm-worker'].map((name) => t.queueNamed(name))
    await t.driver.add(jobs ?? '', [newJob()])
    await t.driver.configure(settings ?? '', { paused: true })
    await t.driver.renew({ id: 'somebody', about: '{}' }, [worker ?? ''], HOUR)
    await t.driver.stats(t.queueNamed('only-looked-at'))
    const names = await t.other.queues()
    expect(names.filter((name) => name.startsWith(t.queueNamed('')))).toEqual([settings, worker, jobs])
    expect(names).toEqual(names.toSorted())
  },
}
