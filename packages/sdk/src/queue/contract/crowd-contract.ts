import { expect } from 'vitest'
import type { ClaimedJob } from '../driver.ts'
import type { QueueContext, QueueTests } from './harness-contract.ts'
import { addJob, addJobs, countsOf, expectCode, newJob } from './jobs-contract.ts'
import { Hand, failed, released, succeeded } from './worker-contract.ts'

const JOBS = 2000
const CLAIMERS = 4
const BATCH = 37

/**
 * Four workers on two connections, each claiming and recording as fast as it can until the queue is empty. No group may be
 * in two hands at once.
 * @param isBack whether the job is handed back at first
 */
async function drain(t: QueueContext, isBack: (id: string) => boolean): Promise<string[]> {
  const drivers = [t.driver, t.other]
  const done: string[] = []
  const inHand = new Set<string>()
  const seen = new Set<string>()
  const work = async (index: number) => {
    const hand = await Hand.hire(t, { driver: drivers[index % 2] ?? t.driver })
    let jobs: readonly ClaimedJob[] = []
    do {
      for (const { group } of jobs) if (group !== null) inHand.delete(group)
      const results = jobs.map((job) => (isBack(job.id) && !seen.has(job.id) ? released(job) : succeeded(job)))
      for (const job of jobs) seen.add(job.id)
      const answer = await hand.exchange({ results, want: BATCH })
      expect(answer.refused).toEqual([])
      done.push(...results.filter((result) => result.kind === 'succeeded').map((result) => result.job.id))
      jobs = answer.jobs
      for (const { group } of jobs) {
        if (group === null) continue
        expect(inHand.has(group)).toBe(false)
        inHand.add(group)
      }
    } while (jobs.length > 0 || done.length < JOBS)
  }
  await Promise.all(Array.from({ length: CLAIMERS }, (_, index) => work(index)))
  return done
}

export const crowdTests: QueueTests = {
  'gives no job twice to claimers at the same time, and none is forgotten': async (t) => {
    const ids = await addJobs(t, JOBS, (index) => ({ priority: index % 3 }))
    const done = await drain(t, () => false)
    expect(done).toHaveLength(JOBS)
    expect(new Set(done)).toEqual(new Set(ids))
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ added: JOBS, succeeded: JOBS, crashed: 0 })
  },

  'the same with jobs handed back, and groups that run one at a time': async (t) => {
    await t.driver.configure(t.queue, { concurrency: 60 })
    const ids = await addJobs(t, JOBS, (index) => ({ group: index % 2 === 0 ? `g${index % 40}` : null }))
    const back = new Set(ids.filter((_, index) => index % 9 === 0))
    const done = await drain(t, (id) => back.has(id))
    expect(new Set(done)).toEqual(new Set(ids))
    expect(done).toHaveLength(JOBS)
    expect(await countsOf(t.driver, t.queue)).toEqual({ succeeded: JOBS })
  },

  'takes jobs while others claim, each once': async (t) => {
    const hand = await Hand.hire(t, { driver: t.other })
    const added: string[] = []
    const claimed: string[] = []
    const progress = { all: false }
    const adding = (async () => {
      for (let round = 0; round < 40; round += 1) added.push(...(await addJobs(t, 25)))
      progress.all = true
    })()
    for (;;) {
      const wasAll = progress.all
      const jobs = await hand.claim(10)
      claimed.push(...jobs.map((job) => job.id))
      await hand.succeed(...jobs)
      if (wasAll && jobs.length === 0) break
    }
    await adding
    expect(claimed).toEqual(added)
  },

  'holds the order and the counts over many retries': async (t) => {
    const ids = await addJobs(t, 100)
    const hand = await Hand.hire(t)
    for (let round = 0; round < 3; round += 1) {
      const jobs = await hand.claim(200)
      expect(jobs.map((job) => job.id)).toEqual(ids)
      expect(jobs.every((job) => job.failures === round)).toBe(true)
      await hand.record(...jobs.map((job) => failed(job, 0)))
      await t.advance(5)
    }
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ failed: 300 })
  },

  'rejects calls on a closed driver, and leaves the other one alone': async (t) => {
    const driver = await t.open()
    await driver.add(t.queue, [newJob()])
    await driver.close()
    await driver.close()
    await expectCode(driver.add(t.queue, [newJob()]), 'closed')
    await expectCode(driver.stats(t.queue), 'closed')
    await addJob(t)
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 2 })
  },
}
