import { expect } from 'vitest'
import type { QueueTests } from './harness-contract.ts'
import { HOUR, KEEP_ALL, addJob, addJobs, countsOf, recordOf, stateOf } from './jobs-contract.ts'
import { Hand, cancelledBy, died, failed, released, succeeded } from './worker-contract.ts'

export const exchangeTests: QueueTests = {
  'gives nothing to a worker without a lease, and refuses its results': async (t) => {
    await addJobs(t, 2)
    const nobody = { results: [], want: 5, keep: KEEP_ALL }
    expect(await t.driver.exchange(t.queue, 'nobody', nobody)).toMatchObject({ jobs: [], leased: false })
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    const stolen = await t.driver.exchange(t.queue, 'nobody', { ...nobody, results: [succeeded(job)] })
    expect(stolen).toMatchObject({ refused: [job.id], leased: false })
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 1, running: 1 })
  },

  'gives as many as are wanted, first in, first out': async (t) => {
    const ids = await addJobs(t, 5)
    const hand = await Hand.hire(t)
    expect(await hand.exchange({ want: 0 })).toEqual({ jobs: [], refused: [], againInMs: null, leased: true })
    expect(await hand.claimIds(2)).toEqual(ids.slice(0, 2))
    expect(await hand.claimIds(10)).toEqual(ids.slice(2))
    expect(await hand.claimIds(10)).toEqual([])
  },

  'gives a claimed job whole, and shows it running': async (t) => {
    const parent = { queue: 'p', id: '01arz3ndektsv4rrffq69g5fav' }
    const id = await addJob(t, { body: '[1]', settings: '{"a":1}', priority: -3, group: 'g', parent })
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    const record = await recordOf(t.other, t.queue, id)
    const given = { id, body: '[1]', settings: '{"a":1}', priority: -3, group: 'g', parent }
    const { addedAt } = record
    expect(job).toEqual({ ...given, failures: 0, crashes: 0, addedAt, fence: expect.any(String) as string })
    expect(job.fence).not.toBe('')
    expect(record).toMatchObject({ state: 'running', worker: hand.id, finishedAt: null })
    expect(record.startedAt).toBeGreaterThanOrEqual(addedAt)
  },

  'records a success': async (t) => {
    await addJobs(t, 2)
    const hand = await Hand.hire(t)
    const [one, two] = await hand.claim(2)
    if (one === undefined || two === undefined) throw new Error('two jobs were expected')
    await hand.record(succeeded(one, '{"ok":true}'), succeeded(two))
    const record = await recordOf(t.other, t.queue, one.id)
    expect(record).toMatchObject({ state: 'succeeded', value: '{"ok":true}', failures: 0, error: null, reason: null })
    expect(record.finishedAt).toBeGreaterThanOrEqual(record.startedAt ?? Infinity)
    expect(await recordOf(t.other, t.queue, two.id)).toMatchObject({ state: 'succeeded', value: null })
    expect((await t.driver.stats(t.queue)).totals).toEqual({ added: 2, succeeded: 2, failed: 0, dead: 0, crashed: 0 })
  },

  'lets a failed job wait for its next attempt': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    await hand.record(failed(await hand.claimOne(), 100, '{"message":"first"}'))
    const waiting = await recordOf(t.driver, t.queue, id)
    expect(waiting).toMatchObject({ state: 'retrying', failures: 1, crashes: 0, error: '{"message":"first"}' })
    expect(waiting.runAt).toBe((waiting.lastFailedAt ?? 0) + 100)
    expect(waiting.firstFailedAt).toBe(waiting.lastFailedAt)
    await t.advance(200)
    const second = await hand.claimOne()
    expect(second).toMatchObject({ id, failures: 1, crashes: 0 })
    await hand.record(failed(second, HOUR, '{"message":"second"}'))
    const again = await recordOf(t.driver, t.queue, id)
    expect(again).toMatchObject({ failures: 2, error: '{"message":"second"}', firstFailedAt: waiting.firstFailedAt })
    expect(again.lastFailedAt).toBeGreaterThan(waiting.lastFailedAt ?? Infinity)
    expect(await hand.claim(5)).toEqual([])
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ added: 1, failed: 2, dead: 0 })
  },

  'queues a retry without delay behind the others': async (t) => {
    const [first = '', second = ''] = await addJobs(t, 2)
    const hand = await Hand.hire(t)
    await hand.record(failed(await hand.claimOne(), 0))
    await t.advance(5)
    expect(await hand.claimIds(5)).toEqual([second, first])
  },

  'keeps the error of the last failure when a later attempt succeeds': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    await hand.record(failed(await hand.claimOne(), 0, '{"message":"once"}'))
    await t.advance(5)
    await hand.record(succeeded(await hand.claimOne(), '1'))
    const record = { state: 'succeeded', failures: 1, value: '1', error: '{"message":"once"}' }
    expect(await recordOf(t.driver, t.queue, id)).toMatchObject(record)
  },

  'makes a job dead, with the reason': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    await hand.record({ kind: 'dead', job, reason: 'final', error: '{"message":"no use"}' })
    const record = { state: 'dead', reason: 'final', error: '{"message":"no use"}', failures: 1, value: null }
    expect(await recordOf(t.driver, t.queue, id)).toMatchObject(record)
    const { totals } = await t.driver.stats(t.queue)
    expect(totals).toEqual({ added: 1, succeeded: 0, failed: 1, dead: 1, crashed: 0 })
    expect(await hand.claim(5)).toEqual([])
  },

  'records that a handler gave in to a cancellation': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    await hand.record(cancelledBy(await hand.claimOne(), 'not needed'))
    expect(await recordOf(t.driver, t.queue, id)).toMatchObject({ state: 'cancelled', reason: 'not needed' })
  },

  'queues what is handed back before all others, in order, as if never claimed': async (t) => {
    const ids = await addJobs(t, 6)
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(3)
    await hand.record(...jobs.map(released))
    const back = { state: 'queued', failures: 0, crashes: 0, worker: null, startedAt: null }
    expect(await recordOf(t.driver, t.queue, ids[0] ?? '')).toMatchObject(back)
    const again = await hand.claim(4)
    expect(again.map((job) => job.id)).toEqual(ids.slice(0, 4))
    expect(again[0]?.fence).not.toBe(jobs[0]?.fence)
  },

  'records and claims in one round trip, also what it has just released': async (t) => {
    const ids = await addJobs(t, 4)
    const hand = await Hand.hire(t)
    const [one, two] = await hand.claim(2)
    if (one === undefined || two === undefined) throw new Error('two jobs were expected')
    const answer = await hand.exchange({ results: [succeeded(one), released(two)], want: 2 })
    expect(answer.jobs.map((job) => job.id)).toEqual(ids.slice(1, 3))
    expect(answer.refused).toEqual([])
    expect(await countsOf(t.driver, t.queue)).toEqual({ succeeded: 1, running: 2, queued: 1 })
  },

  'claims softly what an exchange would claim, with everything that goes with it': async (t) => {
    const claim = t.driver.claimSoftly?.bind(t.driver)
    // It is there where it gains something.
    if (claim === undefined) return
    const ids = await addJobs(t, 3)
    await addJob(t, { group: 'g' })
    expect(await claim(t.queue, 'nobody', 1)).toMatchObject({ jobs: [], leased: false })
    const hand = await Hand.hire(t)
    const [first] = (await claim(t.queue, hand.id, 1)).jobs
    const rest = (await claim(t.queue, hand.id, 10)).jobs
    if (first === undefined) throw new Error('a job was expected')
    expect(rest).toHaveLength(3)
    expect(rest.filter((job) => job.group === 'g')).toHaveLength(1)
    expect([first, ...rest].flatMap((job) => (job.group === null ? job.id : []))).toEqual(ids)
    expect(await recordOf(t.other, t.queue, first.id)).toMatchObject({ state: 'running', worker: hand.id })
    expect(await countsOf(t.other, t.queue)).toEqual({ running: 4 })
    expect(await claim(t.queue, hand.id, 1)).toEqual({ jobs: [], refused: [], againInMs: null, leased: true })
    await hand.record(failed(first, 60_000), ...rest.map((job) => succeeded(job)))
    expect((await claim(t.queue, hand.id, 1)).againInMs).toBeGreaterThan(0)
    await t.driver.configure(t.queue, { paused: true })
    await t.advance(61_000)
    expect((await claim(t.queue, hand.id, 1)).jobs).toEqual([])
    await t.driver.configure(t.queue, { paused: false })
    expect((await claim(t.queue, hand.id, 1)).jobs).toMatchObject([{ id: first.id, failures: 1 }])
  },

  'refuses a result under a wrong fence and one of another worker': async (t) => {
    await addJob(t)
    const [hand, thief] = [await Hand.hire(t), await Hand.hire(t, { driver: t.other })]
    const job = await hand.claimOne()
    const forged = { ...job, fence: `${job.fence}1` }
    expect((await hand.exchange({ results: [succeeded(forged)] })).refused).toEqual([job.id])
    expect((await thief.exchange({ results: [succeeded(job)] })).refused).toEqual([job.id])
    expect(await stateOf(t.driver, t.queue, job.id)).toBe('running')
    await hand.succeed(job)
  },

  'refuses results of every kind that are sent again, and changes nothing': async (t) => {
    await addJobs(t, 5)
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(5)
    const kinds = [succeeded, (job: (typeof jobs)[0]) => failed(job, HOUR), died, released]
    const results = jobs.map((job, index) => kinds[index]?.(job) ?? cancelledBy(job, 'so'))
    await hand.record(...results)
    const before = await t.driver.stats(t.queue)
    expect((await hand.exchange({ results })).refused.toSorted()).toEqual(jobs.map((job) => job.id))
    const after = await t.driver.stats(t.queue)
    expect({ ...after, oldestQueuedMs: 0, workers: [] }).toEqual({ ...before, oldestQueuedMs: 0, workers: [] })
  },

  'accepts one of two results for the same job in one call': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    expect((await hand.exchange({ results: [succeeded(job), died(job)] })).refused).toEqual([id])
    expect((await t.driver.stats(t.queue)).totals).toMatchObject({ succeeded: 1, dead: 0, failed: 0 })
  },

  'refuses the result of an attempt that was taken back, and accepts the next one': async (t) => {
    const id = await addJob(t)
    const [lost, next] = [await Hand.hire(t), await Hand.hire(t, { driver: t.other })]
    const stale = await lost.claimOne()
    await lost.crash()
    const fresh = await next.claimOne()
    expect(fresh).toMatchObject({ id, crashes: 1 })
    await lost.renew()
    expect((await lost.exchange({ results: [succeeded(stale, '"stale"')] })).refused).toEqual([id])
    await next.record(succeeded(fresh, '"fresh"'))
    expect(await recordOf(t.driver, t.queue, id)).toMatchObject({ state: 'succeeded', value: '"fresh"' })
  },

  'refuses the result of an earlier claim by the same worker': async (t) => {
    await addJob(t)
    const hand = await Hand.hire(t)
    const first = await hand.claimOne()
    await hand.record(released(first))
    const second = await hand.claimOne()
    expect((await hand.exchange({ results: [died(first)] })).refused).toEqual([first.id])
    await hand.succeed(second)
  },

  'refuses the result for a job that never was': async (t) => {
    await addJob(t)
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    const unknown = { ...job, id: '01arz3ndektsv4rrffq69g5fav' }
    expect((await hand.exchange({ results: [succeeded(unknown), succeeded(job)] })).refused).toEqual([unknown.id])
    expect(await countsOf(t.driver, t.queue)).toEqual({ succeeded: 1 })
  },

  'releases what was claimed in an answer that got lost, once the worker tells what it holds': async (t) => {
    const ids = await addJobs(t, 5)
    const [hand, other] = [await Hand.hire(t), await Hand.hire(t, { driver: t.other })]
    const [held] = await hand.claim(1)
    await hand.claim(2)
    const otherJob = await other.claimOne()
    if (held === undefined) throw new Error('a job was expected')
    expect((await hand.exchange({ holds: [held.id] })).refused).toEqual([])
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 3, running: 2 })
    const again = await hand.exchange({ results: [succeeded(held)], holds: [held.id], want: 2 })
    expect(again.jobs.map((job) => job.id)).toEqual(ids.slice(1, 3))
    expect(again.jobs[0]?.crashes).toBe(0)
    await other.succeed(otherJob)
    await hand.succeed(...again.jobs)
  },

  'says when it is worth asking again': async (t) => {
    const hand = await Hand.hire(t)
    expect((await hand.exchange({ want: 1 })).againInMs).toBeNull()
    await addJob(t, { delayMs: HOUR })
    const { againInMs } = await hand.exchange({ want: 1 })
    expect(againInMs).toBeGreaterThan(HOUR / 2)
    expect(againInMs).toBeLessThanOrEqual(HOUR)
    await addJob(t)
    await hand.record(failed(await hand.claimOne(), 60_000))
    const sooner = (await hand.exchange({ want: 1 })).againInMs
    expect(sooner).toBeGreaterThan(0)
    expect(sooner).toBeLessThanOrEqual(60_000)
  },
}
