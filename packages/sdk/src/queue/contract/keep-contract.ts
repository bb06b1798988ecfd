import { expect } from 'vitest'
import type { KeepPolicy, Kept } from '../driver.ts'
import { MAX_CRASHES } from '../states.ts'
import type { QueueContext, QueueTests } from './harness-contract.ts'
import { HOUR, KEEP, KEEP_ALL, KEEP_NONE, addJob, addJobs, countsOf, newJob, stateOf } from './jobs-contract.ts'
import { Hand, cancelledBy, died, succeeded } from './worker-contract.ts'

function keeping(change: Partial<Record<keyof KeepPolicy, Partial<Kept>>>): KeepPolicy {
  return {
    succeeded: { ...KEEP, ...change.succeeded },
    cancelled: { ...KEEP, ...change.cancelled },
    dead: { ...KEEP, ...change.dead },
  }
}

/**
 * Jobs that no worker reports the end of, in this order: dead of crashes, dead by a child, cancelled while its worker left,
 * cancelled while its worker died.
 */
async function storeEnds(t: QueueContext, keep: KeepPolicy | undefined): Promise<readonly string[]> {
  const crashed = await addJob(t)
  for (let crashes = 0; crashes < MAX_CRASHES; crashes += 1) {
    const hand = await Hand.hire(t)
    await hand.claimOne()
    await hand.crash(keep)
  }
  const child = newJob()
  const parent = newJob({ children: [{ queue: t.queueNamed('children'), job: child }] })
  await t.driver.add(t.queue, [parent])
  const outcome = { queue: t.queueNamed('children'), childId: child.id, state: 'dead', value: null } as const
  await t.driver.childEnded(t.queue, parent.id, outcome, false, keep)
  const left = await addJob(t)
  await (await runCancelled(t, left)).leave(keep)
  const late = await addJob(t)
  await (await runCancelled(t, late)).crash(keep)
  return [crashed, parent.id, left, late]
}

/** Its worker has not yet heard that the job is to be cancelled. */
async function runCancelled(t: QueueContext, id: string): Promise<Hand> {
  const hand = await Hand.hire(t)
  expect(await hand.claimOne()).toMatchObject({ id })
  expect(await t.driver.change(t.queue, [id], { kind: 'cancel', reason: 'so', keep: KEEP })).toEqual(['requested'])
  return hand
}

export const keepTests: QueueTests = {
  'keeps nothing when told so, and goes on counting': async (t) => {
    const ids = await addJobs(t, 3)
    const hand = await Hand.hire(t)
    const [one, two, three] = await hand.claim(3)
    if (one === undefined || two === undefined || three === undefined) throw new Error('three jobs were expected')
    const results = [succeeded(one, '1'), died(two), cancelledBy(three, 'so')]
    await hand.exchange({ results, keep: KEEP_NONE })
    expect(await t.driver.get(t.queue, ids)).toEqual([null, null, null])
    const stats = await t.driver.stats(t.queue)
    expect(stats.totals).toEqual({ added: 3, succeeded: 1, failed: 1, dead: 1, crashed: 0 })
    expect(Object.values(stats.counts).every((count) => count === 0)).toBe(true)
  },

  'keeps the last ones by count, each kind for itself': async (t) => {
    const ids = await addJobs(t, 12)
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(12)
    const keep = keeping({ succeeded: { count: 2 }, dead: { count: 3 } })
    for (const [index, job] of jobs.entries()) {
      await hand.exchange({ results: [index % 2 === 0 ? succeeded(job) : died(job)], keep })
    }
    await t.driver.maintain(t.queue)
    expect(await countsOf(t.driver, t.queue)).toEqual({ succeeded: 2, dead: 3 })
    for (const id of [8, 10, 7, 9, 11].map((index) => ids[index] ?? '')) {
      expect(await stateOf(t.driver, t.queue, id)).not.toBeNull()
    }
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ succeeded: 6, dead: 6 })
  },

  'keeps no more than the count when many end at once': async (t) => {
    const ids = await addJobs(t, 50)
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(50)
    const keep = keeping({ succeeded: { count: 5 } })
    await hand.exchange({ results: jobs.map((job) => succeeded(job)), keep })
    await t.driver.maintain(t.queue)
    expect(await countsOf(t.driver, t.queue)).toEqual({ succeeded: 5 })
    const records = await t.driver.get(t.queue, ids.slice(45))
    expect(records.every((record) => record !== null)).toBe(true)
  },

  'removes what is past its age': async (t) => {
    const ids = await addJobs(t, 3)
    const hand = await Hand.hire(t)
    const [one, two, three] = await hand.claim(3)
    if (one === undefined || two === undefined || three === undefined) throw new Error('three jobs were expected')
    const keep = keeping({ succeeded: { ageMs: 50 }, dead: { ageMs: HOUR } })
    await hand.exchange({ results: [succeeded(one), died(two)], keep })
    await t.advance(100)
    await hand.exchange({ results: [cancelledBy(three, 'so')], keep: KEEP_ALL })
    await t.driver.maintain(t.queue)
    expect(await Promise.all(ids.map((id) => stateOf(t.driver, t.queue, id)))).toEqual([null, 'dead', 'cancelled'])
    expect(await countsOf(t.driver, t.queue)).toEqual({ dead: 1, cancelled: 1 })
  },

  'keeps what died of crashes or by its child, and what its worker left cancelled, no longer than it is told': async (
    t,
  ) => {
    const keep = keeping({ dead: { ageMs: 2000 }, cancelled: { ageMs: 2000 } })
    const ids = await storeEnds(t, keep)
    const states = () => Promise.all(ids.map((id) => stateOf(t.driver, t.queue, id)))
    expect(await states()).toEqual(['dead', 'dead', 'cancelled', 'cancelled'])
    await t.advance(2100)
    await t.driver.maintain(t.queue)
    expect(await states()).toEqual([null, null, null, null])
    expect(await countsOf(t.driver, t.queue)).toEqual({})
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ dead: 2, crashed: 4 })
  },

  'keeps no more of those than it is told': async (t) => {
    await storeEnds(t, KEEP_NONE)
    expect(await countsOf(t.driver, t.queue)).toEqual({})
    const keep = keeping({ dead: { count: 1 }, cancelled: { count: 1 } })
    const [crashed = '', parent = '', left = '', late = ''] = await storeEnds(t, keep)
    await t.driver.maintain(t.queue, keep)
    expect(await countsOf(t.driver, t.queue)).toEqual({ dead: 1, cancelled: 1 })
    expect(await Promise.all([crashed, parent].map((id) => stateOf(t.driver, t.queue, id)))).toEqual([null, 'dead'])
    expect(await Promise.all([left, late].map((id) => stateOf(t.driver, t.queue, id)))).toEqual([null, 'cancelled'])
  },

  'keeps what the store ends for a while when it is told nothing': async (t) => {
    const ids = await storeEnds(t, undefined)
    await t.advance(100)
    await t.driver.maintain(t.queue)
    const states = await Promise.all(ids.map((id) => stateOf(t.driver, t.queue, id)))
    expect(states).toEqual(['dead', 'dead', 'cancelled', 'cancelled'])
  },

  'obeys the policy of a cancel too': async (t) => {
    const ids = await addJobs(t, 5)
    const cancel = { kind: 'cancel', reason: 'so', keep: { count: 2, ageMs: HOUR } } as const
    expect(new Set(await t.driver.change(t.queue, ids, cancel))).toEqual(new Set(['done']))
    await t.driver.maintain(t.queue)
    expect(await countsOf(t.driver, t.queue)).toEqual({ cancelled: 2 })
  },

  'keeps a redriven job out of the reach of its former age and count': async (t) => {
    const [first = ''] = await addJobs(t, 3)
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(2)
    const keep = keeping({ dead: { ageMs: 50, count: 1 } })
    const [one, two] = jobs
    if (one === undefined || two === undefined) throw new Error('two jobs were expected')
    await hand.exchange({ results: [died(one)], keep })
    await t.driver.change(t.queue, [first], { kind: 'retry' })
    await hand.exchange({ results: [died(two)], keep })
    await t.advance(100)
    await t.driver.maintain(t.queue)
    expect(await stateOf(t.driver, t.queue, first)).toBe('queued')
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 2 })
  },
}
