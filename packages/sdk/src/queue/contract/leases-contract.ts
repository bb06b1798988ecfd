import { expect } from 'vitest'
import { MAX_CRASHES } from '../states.ts'
import type { QueueTests } from './harness-contract.ts'
import { HOUR, KEEP, addJob, addJobs, countsOf, newJob, recordOf } from './jobs-contract.ts'
import { Hand, failed, released, succeeded } from './worker-contract.ts'

export const leaseTests: QueueTests = {
  'takes back what a vanished worker was running, with one crash, before all others': async (t) => {
    const ids = await addJobs(t, 5)
    const [lost, next] = [await Hand.hire(t), await Hand.hire(t, { driver: t.other })]
    await lost.claim(3)
    await lost.vanish()
    expect(await t.other.maintain(t.queue)).toMatchObject({ recovered: 3, dead: 0 })
    const jobs = await next.claim(5)
    expect(jobs.map((job) => job.id)).toEqual(ids)
    expect(jobs.map((job) => job.crashes)).toEqual([1, 1, 1, 0, 0])
    expect(jobs.every((job) => job.failures === 0)).toBe(true)
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ crashed: 3, failed: 0 })
  },

  'takes nothing from a worker that renews': async (t) => {
    await addJobs(t, 2)
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(2)
    await t.advance(50)
    await hand.renew()
    expect(await t.driver.maintain(t.queue)).toMatchObject({ recovered: 0, dead: 0 })
    await hand.succeed(...jobs)
  },

  'takes a job back once, however many look': async (t) => {
    await addJobs(t, 20)
    const lost = await Hand.hire(t)
    await lost.claim(20)
    await lost.vanish()
    const looks = await Promise.all([t.driver, t.other, t.driver, t.other].map((driver) => driver.maintain(t.queue)))
    expect(looks.reduce((sum, look) => sum + look.recovered, 0)).toBe(20)
    expect((await t.driver.stats(t.queue)).totals.crashed).toBe(20)
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 20 })
  },

  'calls a job dead that took three workers with it': async (t) => {
    const id = await addJob(t)
    for (let crashes = 0; crashes < MAX_CRASHES; crashes += 1) {
      const hand = await Hand.hire(t)
      expect(await hand.claimOne()).toMatchObject({ id, crashes })
      await hand.vanish()
      const isLast = crashes + 1 === MAX_CRASHES
      expect(await t.driver.maintain(t.queue)).toMatchObject(isLast ? { dead: 1 } : { recovered: 1, dead: 0 })
    }
    expect(await recordOf(t.driver, t.queue, id)).toMatchObject({
      state: 'dead',
      reason: 'crashes',
      crashes: 3,
      failures: 0,
    })
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ dead: 1, crashed: 3, failed: 0 })
  },

  'gives a job that crashed twice first and one by one, and forgets no crash when it is handed back': async (t) => {
    const ids = await addJobs(t, 6)
    for (let crashes = 0; crashes < MAX_CRASHES - 1; crashes += 1) {
      const lost = await Hand.hire(t)
      await lost.claim(3)
      await lost.crash()
    }
    const hand = await Hand.hire(t)
    const [first, ...rest] = await hand.claim(5)
    if (first === undefined) throw new Error('nothing was claimed')
    // As a worker does that runs the first one alone.
    await hand.record(...rest.map((job) => released(job)))
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 5, running: 1 })
    await hand.succeed(first)
    const crashes: [string, number][] = [[first.id, first.crashes]]
    for (let n = 1; n < 6; n += 1) {
      const job = await hand.claimOne()
      crashes.push([job.id, job.crashes])
      await hand.succeed(job)
    }
    expect(crashes).toEqual(ids.map((id, n) => [id, n < 3 ? MAX_CRASHES - 1 : 0]))
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ succeeded: 6, dead: 0, crashed: 6 })
  },

  'charges a crash to what its worker held, not to what it had handed back before': async (t) => {
    const ids = await addJobs(t, 3)
    const hand = await Hand.hire(t)
    const [, two, three] = await hand.claim(3)
    if (two === undefined || three === undefined) throw new Error('three jobs were expected')
    await hand.record(released(two), released(three))
    await hand.crash()
    const records = await t.driver.get(t.queue, ids)
    expect(records.map((record) => [record?.state, record?.crashes])).toEqual([
      ['queued', 1],
      ['queued', 0],
      ['queued', 0],
    ])
  },

  'counts crashes and failures apart': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    await hand.record(failed(await hand.claimOne(), 0))
    await t.advance(5)
    await hand.claimOne()
    await hand.crash()
    const next = await Hand.hire(t)
    expect(await next.claimOne()).toMatchObject({ id, failures: 1, crashes: 1 })
  },

  'queues again at once what a leaving worker was running, without a crash, in order': async (t) => {
    const ids = await addJobs(t, 4)
    const [leaving, next] = [await Hand.hire(t), await Hand.hire(t)]
    const jobs = await leaving.claim(2)
    await leaving.leave()
    const again = await next.claim(4)
    expect(again.map((job) => job.id)).toEqual(ids)
    expect(again.map((job) => job.crashes)).toEqual([0, 0, 0, 0])
    const late = await leaving.exchange({ results: jobs.map((job) => succeeded(job)), want: 1 })
    expect(late).toMatchObject({ refused: ids.slice(0, 2), leased: false, jobs: [] })
    await leaving.leave()
  },

  'says on which queues a lease is new': async (t) => {
    const queues = [t.queue, t.queueNamed('b')]
    const info = { id: 'fresh-worker', about: '{}' }
    expect((await t.driver.renew(info, queues, HOUR)).fresh.toSorted()).toEqual(queues)
    expect((await t.driver.renew(info, queues, HOUR)).fresh).toEqual([])
    await t.driver.leave(info.id, [t.queue])
    expect((await t.driver.renew(info, queues, HOUR)).fresh).toEqual([t.queue])
    await t.driver.renew(info, queues, 1)
    await t.advance(30)
    await t.driver.maintain(t.queue)
    expect((await t.driver.renew(info, queues, HOUR)).fresh).toEqual([t.queue])
  },

  'refuses results under a lapsed lease, and accepts them once it was renewed in time': async (t) => {
    await addJobs(t, 2)
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    await hand.vanish()
    const lapsed = await hand.exchange({ results: [succeeded(job)], want: 1 })
    expect(lapsed).toMatchObject({ leased: false, refused: [job.id], jobs: [] })
    expect(await hand.renew()).toMatchObject({ fresh: [] })
    await hand.succeed(job)
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ succeeded: 1, crashed: 0 })
  },

  'tells with a renewal whose cancellation was asked for': async (t) => {
    const ids = await addJobs(t, 3)
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(3)
    const cancel = { kind: 'cancel', reason: 'stop', keep: KEEP } as const
    expect(await t.other.change(t.queue, ids.slice(1), cancel)).toEqual(['requested', 'requested'])
    const { cancelled } = await hand.renew()
    expect(cancelled.get(t.queue)?.toSorted()).toEqual(ids.slice(1))
    await hand.succeed(...jobs)
    expect((await hand.renew()).cancelled.size).toBe(0)
  },

  'cancels for good what was asked to be cancelled and comes back': async (t) => {
    const ids = await addJobs(t, 4)
    const [hand, lost] = [await Hand.hire(t), await Hand.hire(t)]
    const jobs = await hand.claim(3)
    await lost.claim(1)
    await t.driver.change(t.queue, ids, { kind: 'cancel', reason: 'stop', keep: KEEP })
    const [one, two, three] = jobs
    if (one === undefined || two === undefined || three === undefined) throw new Error('three jobs were expected')
    await hand.record(failed(one, 0), { kind: 'released', job: two })
    await hand.leave()
    await lost.crash()
    for (const record of await t.driver.get(t.queue, ids)) {
      expect(record).toMatchObject({ state: 'cancelled', reason: 'stop' })
    }
    expect(await countsOf(t.driver, t.queue)).toEqual({ cancelled: 4 })
  },

  'takes jobs back queue by queue': async (t) => {
    const elsewhere = t.queueNamed('b')
    await addJob(t)
    await t.driver.add(elsewhere, [newJob({ group: 'g' })])
    const info = { id: 'two-queues', about: '{}' }
    await t.driver.renew(info, [t.queue, elsewhere], HOUR)
    const ask = { results: [], want: 1, keep: { succeeded: KEEP, cancelled: KEEP, dead: KEEP } }
    for (const queue of [t.queue, elsewhere])
      expect((await t.driver.exchange(queue, info.id, ask)).jobs).toHaveLength(1)
    await t.driver.renew(info, [t.queue, elsewhere], 1)
    await t.advance(30)
    await t.driver.maintain(t.queue)
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 1 })
    expect(await countsOf(t.driver, elsewhere)).toEqual({ running: 1 })
    await t.driver.maintain(elsewhere)
    expect(await countsOf(t.driver, elsewhere)).toEqual({ queued: 1 })
  },

  'does nothing, and says so, on a queue that is in order or unknown': async (t) => {
    expect(await t.driver.maintain(t.queue)).toEqual({ recovered: 0, dead: 0, againInMs: null })
    await addJob(t, { delayMs: HOUR })
    const { againInMs } = await t.driver.maintain(t.queue)
    expect(againInMs).toBeGreaterThan(HOUR / 2)
    expect(againInMs).toBeLessThanOrEqual(HOUR)
  },

  'moves due jobs without a worker': async (t) => {
    await addJobs(t, 3, { delayMs: 50 })
    await t.advance(100)
    await t.driver.maintain(t.queue)
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 3 })
  },
}
