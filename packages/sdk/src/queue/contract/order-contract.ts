import { expect } from 'vitest'
import type { QueueContext, QueueTests } from './harness-contract.ts'
import { addJob, addJobs, newJob } from './jobs-contract.ts'
import { Hand, released } from './worker-contract.ts'

/** Ids of so many jobs of that group. */
function inGroup(t: QueueContext, group: string | null, count: number, priority = 0): Promise<string[]> {
  return addJobs(t, count, { group, priority })
}

export const orderTests: QueueTests = {
  'claims by priority, then first in, first out': async (t) => {
    const priorities = [0, 5, -100, 100, 5, 0, -1]
    const ids = await addJobs(t, priorities.length, (index) => ({ priority: priorities[index] ?? 0 }))
    const hand = await Hand.hire(t)
    const order = [3, 1, 4, 0, 5, 6, 2].map((index) => ids[index])
    expect([...(await hand.claimIds(3)), ...(await hand.claimIds(10))]).toEqual(order)
  },

  'lets a later job of higher priority go first, also before released ones': async (t) => {
    const [low = ''] = await addJobs(t, 1, { priority: 1 })
    const hand = await Hand.hire(t)
    await hand.record(released(await hand.claimOne()))
    const high = await addJob(t, { priority: 2 })
    const same = await addJob(t, { priority: 1 })
    expect(await hand.claimIds(5)).toEqual([high, low, same])
  },

  'runs one job of a group at a time, in order': async (t) => {
    const ids = await inGroup(t, 'user-1', 3)
    const hands = [await Hand.hire(t), await Hand.hire(t, { driver: t.other })]
    const seen: string[] = []
    for (let round = 0; round < ids.length; round += 1) {
      const jobs = await hands[0]?.claim(5)
      expect(await hands[1]?.claim(5)).toEqual([])
      expect(jobs).toHaveLength(1)
      seen.push(...(jobs ?? []).map((job) => job.id))
      await hands[0]?.succeed(...(jobs ?? []))
    }
    expect(seen).toEqual(ids)
  },

  'gives the next job of a group in the round trip that ends the one before': async (t) => {
    const [first, second] = await inGroup(t, 'g', 2)
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    const answer = await hand.exchange({ results: [{ kind: 'succeeded', job, value: null }], want: 1 })
    expect([job.id, ...answer.jobs.map((one) => one.id)]).toEqual([first, second])
  },

  'respects priority inside a group': async (t) => {
    const [low] = await inGroup(t, 'g', 1, 0)
    const [high] = await inGroup(t, 'g', 1, 9)
    const hand = await Hand.hire(t)
    const first = await hand.claimOne()
    expect(first.id).toBe(high)
    await hand.succeed(first)
    expect(await hand.claimIds(1)).toEqual([low])
  },

  'queues what is released or was lost in a crash first in its group, and frees the group': async (t) => {
    const [first, second] = await inGroup(t, 'g', 2)
    const hand = await Hand.hire(t)
    await hand.record(released(await hand.claimOne()))
    expect(await hand.claimIds(1)).toEqual([first])
    await hand.crash()
    const next = await Hand.hire(t)
    const job = await next.claimOne()
    expect(job).toMatchObject({ id: first, crashes: 1 })
    await next.succeed(job)
    expect(await next.claimIds(1)).toEqual([second])
  },

  'frees a group when its job waits for a retry, is dead or cancelled': async (t) => {
    const ids = await inGroup(t, 'g', 4)
    const hand = await Hand.hire(t)
    await hand.record({ kind: 'retry', job: await hand.claimOne(), delayMs: 3_600_000, error: '{}' })
    await hand.record({ kind: 'dead', job: await hand.claimOne(), reason: 'final', error: '{}' })
    await hand.record({ kind: 'cancelled', job: await hand.claimOne(), reason: 'so' })
    expect(await hand.claimIds(2)).toEqual([ids[3]])
  },

  'is fair between groups, however much one of them has': async (t) => {
    await t.driver.configure(t.queue, { groupConcurrency: 10 })
    await inGroup(t, 'busy', 50)
    await inGroup(t, 'small', 3)
    await inGroup(t, 'tiny', 1)
    const hand = await Hand.hire(t)
    const groups = (await hand.claim(3)).map((job) => String(job.group))
    expect(groups.toSorted()).toEqual(['busy', 'small', 'tiny'])
    const next: string[] = []
    for (let count = 0; count < 4; count += 1) next.push(String((await hand.claimOne()).group))
    expect(next.toSorted()).toEqual(['busy', 'busy', 'small', 'small'])
  },

  'goes round many groups without leaving one out': async (t) => {
    const groups = Array.from({ length: 60 }, (_, index) => `group-${index}`)
    const jobs = groups.flatMap((group) => [newJob({ group }), newJob({ group }), newJob({ group })])
    await t.driver.add(t.queue, jobs)
    const hand = await Hand.hire(t)
    for (let round = 0; round < 3; round += 1) {
      const claimed = await hand.claim(100)
      expect(claimed.map((job) => String(job.group)).toSorted()).toEqual(groups.toSorted())
      await hand.succeed(...claimed)
    }
    expect(await hand.claim(1)).toEqual([])
  },

  'lets jobs with and without a group take turns': async (t) => {
    for (let index = 0; index < 4; index += 1) await inGroup(t, `g${index}`, 1)
    await inGroup(t, null, 4)
    const hand = await Hand.hire(t)
    const kinds: boolean[] = []
    for (let count = 0; count < 8; count += 1) kinds.push((await hand.claimOne()).group === null)
    const first = kinds[0] ?? false
    expect(kinds).toEqual([first, !first, first, !first, first, !first, first, !first])
  },

  'shares one claim evenly between jobs with and without a group': async (t) => {
    await addJobs(t, 20, (index) => ({ group: `g${index}` }))
    await inGroup(t, null, 20)
    const hand = await Hand.hire(t)
    const grouped = (await hand.claim(10)).filter((job) => job.group !== null).length
    expect(grouped).toBeGreaterThanOrEqual(4)
    expect(grouped).toBeLessThanOrEqual(6)
    const rest = await hand.claim(100)
    expect(rest).toHaveLength(30)
  },

  'fills a claim from one side when the other has nothing': async (t) => {
    await inGroup(t, null, 10)
    await inGroup(t, 'g', 1)
    const hand = await Hand.hire(t)
    expect(await hand.claim(8)).toHaveLength(8)
    expect(await hand.claim(8)).toHaveLength(3)
    await addJobs(t, 8, (index) => ({ group: `g${index}` }))
    expect(await hand.claim(8)).toHaveLength(8)
  },

  'skips a cancelled job in the middle of a group and of a lane': async (t) => {
    const grouped = await inGroup(t, 'g', 3)
    const plain = await inGroup(t, null, 3)
    const gone = [grouped[0] ?? '', plain[0] ?? '', plain[1] ?? '']
    await t.driver.change(t.queue, gone, { kind: 'cancel', reason: 'so', keep: { count: 10, ageMs: 60_000 } })
    const hand = await Hand.hire(t)
    expect((await hand.claimIds(5)).toSorted()).toEqual([grouped[1], plain[2]].toSorted())
  },
}
