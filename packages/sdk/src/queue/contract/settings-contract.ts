import { expect } from 'vitest'
import type { QueueTests } from './harness-contract.ts'
import { HOUR, addJob, addJobs, countsOf } from './jobs-contract.ts'
import { Hand, released, succeeded } from './worker-contract.ts'

const DEFAULTS = { paused: false, concurrency: null, rate: null, groupConcurrency: 1, groupRate: null }

export const settingsTests: QueueTests = {
  'has defaults, and changes only what is given': async (t) => {
    expect((await t.driver.stats(t.queue)).settings).toEqual(DEFAULTS)
    const rate = { limit: 5, perMs: 1000 }
    expect(await t.driver.configure(t.queue, { concurrency: 3, rate })).toEqual({ ...DEFAULTS, concurrency: 3, rate })
    expect(await t.other.configure(t.queue, { concurrency: null })).toEqual({ ...DEFAULTS, rate })
    expect(await t.other.configure(t.queue, {})).toEqual({ ...DEFAULTS, rate })
    expect((await t.driver.stats(t.queue)).settings).toEqual({ ...DEFAULTS, rate })
  },

  'gives nothing while paused, but records results and takes jobs': async (t) => {
    await addJobs(t, 2)
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    await t.other.configure(t.queue, { paused: true })
    const answer = await hand.exchange({ results: [succeeded(job)], want: 5 })
    expect(answer).toMatchObject({ jobs: [], refused: [], leased: true })
    await addJob(t, { group: 'g' })
    expect(await countsOf(t.driver, t.queue)).toEqual({ succeeded: 1, queued: 2 })
    await t.other.configure(t.queue, { paused: false })
    expect(await hand.claim(5)).toHaveLength(2)
  },

  'runs no more jobs at once than the queue allows, over all workers': async (t) => {
    await t.driver.configure(t.queue, { concurrency: 3 })
    await addJobs(t, 10, (index) => ({ group: index % 2 === 0 ? `g${index}` : null }))
    const [one, two] = [await Hand.hire(t), await Hand.hire(t, { driver: t.other })]
    const jobs = await one.claim(2)
    expect(await two.claim(5)).toHaveLength(1)
    expect(await one.claim(5)).toEqual([])
    const [done, back] = jobs
    if (done === undefined || back === undefined) throw new Error('two jobs were expected')
    await one.record(succeeded(done), released(back))
    expect(await two.claim(5)).toHaveLength(2)
    await two.crash()
    expect(await one.claim(10)).toHaveLength(3)
    await t.driver.configure(t.queue, { concurrency: 5 })
    expect(await one.claim(10)).toHaveLength(2)
  },

  'counts the claims of a rate limit over all workers': async (t) => {
    await t.driver.configure(t.queue, { rate: { limit: 3, perMs: HOUR } })
    await addJobs(t, 10, (index) => ({ group: index % 2 === 0 ? `g${index}` : null }))
    const [one, two] = [await Hand.hire(t), await Hand.hire(t, { driver: t.other })]
    const jobs = await one.claim(2)
    const answer = await two.exchange({ want: 5 })
    expect(answer.jobs).toHaveLength(1)
    await one.succeed(...jobs)
    const closed = await one.exchange({ want: 5 })
    expect(closed.jobs).toEqual([])
    expect(closed.againInMs).toBeGreaterThan(0)
    expect(closed.againInMs).toBeLessThanOrEqual(HOUR)
  },

  'opens a rate limit again with time, and at once when it is taken away': async (t) => {
    await t.driver.configure(t.queue, { rate: { limit: 2, perMs: 200 } })
    await addJobs(t, 10)
    const hand = await Hand.hire(t)
    expect(await hand.claim(10)).toHaveLength(2)
    await t.advance(300)
    expect(await hand.claim(10)).toHaveLength(2)
    await t.driver.configure(t.queue, { rate: { limit: 2, perMs: HOUR } })
    await hand.claim(10)
    expect(await hand.claim(10)).toEqual([])
    await t.driver.configure(t.queue, { rate: null })
    expect((await hand.claim(10)).length).toBeGreaterThanOrEqual(4)
    expect(await countsOf(t.driver, t.queue)).toEqual({ running: 10 })
  },

  'runs as many jobs of a group at once as the settings allow': async (t) => {
    await addJobs(t, 5, { group: 'g' })
    const hand = await Hand.hire(t)
    expect(await hand.claim(5)).toHaveLength(1)
    await t.other.configure(t.queue, { groupConcurrency: 3 })
    const jobs = await hand.claim(5)
    expect(jobs).toHaveLength(2)
    await t.other.configure(t.queue, { groupConcurrency: 1 })
    await hand.succeed(...jobs)
    expect(await hand.claim(5)).toEqual([])
  },

  'limits the rate of each group for itself': async (t) => {
    await t.driver.configure(t.queue, { groupConcurrency: 10, groupRate: { limit: 2, perMs: HOUR } })
    await addJobs(t, 4, { group: 'a' })
    await addJobs(t, 4, { group: 'b' })
    await addJobs(t, 1)
    const hand = await Hand.hire(t)
    const claimed = [...(await hand.claim(20)), ...(await hand.claim(20))]
    const groups = claimed.map((job) => job.group ?? 'none').toSorted()
    expect(groups).toEqual(['a', 'a', 'b', 'b', 'none'])
    await hand.succeed(...claimed)
    const closed = await hand.exchange({ want: 20 })
    expect(closed.jobs).toEqual([])
    expect(closed.againInMs).toBeGreaterThan(0)
    expect(closed.againInMs).toBeLessThanOrEqual(HOUR)
  },

  'opens the rate limit of a group again with time': async (t) => {
    await t.driver.configure(t.queue, { groupRate: { limit: 1, perMs: 200 } })
    const [first, second] = await addJobs(t, 2, { group: 'a' })
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    await hand.succeed(job)
    await t.advance(300)
    expect([job.id, ...(await hand.claimIds(5))]).toEqual([first, second])
  },
}
