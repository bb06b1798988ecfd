import { expect } from 'vitest'
import type { Change, ChangeOutcome } from '../driver.ts'
import type { QueueContext, QueueTests } from './harness-contract.ts'
import { HOUR, KEEP, addJob, addJobs, countsOf, recordOf, stateOf } from './jobs-contract.ts'
import type { JobState } from '../states.ts'
import { JOB_STATES, JOB_TRANSITIONS, isFinalJobState } from '../states.ts'
import { Hand, cancelledBy, died, failed } from './worker-contract.ts'

const CANCEL: Change = { kind: 'cancel', reason: 'not needed', keep: KEEP }
const UNKNOWN = '01arz3ndektsv4rrffq69g5fav'
/** What a change answers in each state, and the state after it; null = the job is gone. */
type Row = readonly [ChangeOutcome, JobState | null]

const WRONG = (state: JobState): Row => ['wrong-state', state]
const TABLE: Readonly<Record<Change['kind'], (state: JobState) => Row>> = {
  cancel: (state) => {
    if (state === 'running') return ['requested', 'running']
    return isFinalJobState(state) ? WRONG(state) : ['done', 'cancelled']
  },
  retry: (state) => (isFinalJobState(state) ? ['done', 'queued'] : WRONG(state)),
  promote: (state) => (state === 'scheduled' || state === 'retrying' ? ['done', 'queued'] : WRONG(state)),
  edit: (state) => (state === 'running' ? WRONG(state) : ['done', state]),
  remove: (state) => (state === 'running' ? WRONG(state) : ['done', null]),
}
const CHANGES: readonly Change[] = [
  CANCEL,
  { kind: 'retry' },
  { kind: 'promote' },
  { kind: 'edit', body: '"edited"' },
  { kind: 'remove' },
]

/** Ids of one job in each state, made by calls of the seam only. */
async function oneInEach(t: QueueContext): Promise<Map<JobState, string>> {
  const hand = await Hand.hire(t)
  const [succeededId = '', retryingId = '', cancelledId = '', deadId = '', runningId = ''] = await addJobs(t, 5)
  const [one, two, three, four] = await hand.claim(5)
  if (one === undefined || two === undefined || three === undefined || four === undefined) throw new Error('no jobs')
  const success = { kind: 'succeeded', job: one, value: '1' } as const
  await hand.record(success, failed(two, HOUR), cancelledBy(three, 'so'), died(four))
  return new Map<JobState, string>([
    ['succeeded', succeededId],
    ['retrying', retryingId],
    ['cancelled', cancelledId],
    ['dead', deadId],
    ['running', runningId],
    ['scheduled', await addJob(t, { delayMs: HOUR })],
    ['queued', await addJob(t)],
  ])
}

const tableTests: QueueTests = Object.fromEntries(
  CHANGES.map((change) => [
    `answers ${change.kind} in every state, and makes no other transition than the table has`,
    async (t: QueueContext) => {
      const ids = await oneInEach(t)
      const outcomes = await t.other.change(t.queue, [...ids.values(), UNKNOWN], change)
      expect(outcomes.at(-1)).toBe('not-found')
      const seen: unknown[] = []
      for (const [index, [state, id]] of [...ids].entries()) {
        const after = await stateOf(t.driver, t.queue, id)
        seen.push([state, outcomes[index], after])
        if (after !== null && after !== state) expect(JOB_TRANSITIONS[state]).toContain(after)
      }
      expect(seen).toEqual([...ids.keys()].map((state) => [state, ...TABLE[change.kind](state)]))
      expect(ids.size).toBe(JOB_STATES.length)
      const counts = await countsOf(t.driver, t.queue)
      const expected: Partial<Record<JobState, number>> = {}
      for (const state of ids.keys()) {
        const after = TABLE[change.kind](state)[1]
        if (after !== null) expected[after] = (expected[after] ?? 0) + 1
      }
      expect(counts).toEqual(expected)
    },
  ]),
)

export const changeTests: QueueTests = {
  ...tableTests,

  'takes a cancelled job out of the way of workers, with the reason': async (t) => {
    const [queued, delayed] = [await addJob(t), await addJob(t, { delayMs: 50 })]
    expect(await t.driver.change(t.queue, [queued, delayed], CANCEL)).toEqual(['done', 'done'])
    await t.advance(100)
    const hand = await Hand.hire(t)
    expect(await hand.claim(5)).toEqual([])
    const record = await recordOf(t.driver, t.queue, delayed)
    expect(record).toMatchObject({ state: 'cancelled', reason: 'not needed', runAt: null })
    expect(record.finishedAt).toBeGreaterThanOrEqual(record.addedAt)
  },

  'lets a running job succeed in spite of a cancellation that came too late': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    expect(await t.driver.change(t.queue, [id], CANCEL)).toEqual(['requested'])
    expect(await t.other.change(t.queue, [id], CANCEL)).toEqual(['requested'])
    await hand.succeed(job)
    expect(await stateOf(t.driver, t.queue, id)).toBe('succeeded')
  },

  'redrives a dead job as if it were new, at the end': async (t) => {
    const id = await addJob(t)
    const hand = await Hand.hire(t)
    await hand.record(failed(await hand.claimOne(), 0))
    await t.advance(5)
    await hand.record(died(await hand.claimOne()))
    const later = await addJob(t)
    expect(await t.driver.change(t.queue, [id], { kind: 'retry' })).toEqual(['done'])
    const nothing = { error: null, reason: null, value: null, finishedAt: null, startedAt: null, firstFailedAt: null }
    expect(await recordOf(t.driver, t.queue, id)).toMatchObject({
      state: 'queued',
      failures: 0,
      crashes: 0,
      ...nothing,
    })
    const jobs = await hand.claim(5)
    expect(jobs.map((job) => [job.id, job.failures])).toEqual([
      [later, 0],
      [id, 0],
    ])
    await hand.succeed(...jobs)
    expect((await t.driver.stats(t.queue)).totals).toEqual({ added: 2, succeeded: 2, failed: 2, dead: 1, crashed: 0 })
  },

  'forgets crashes and a cancellation with a redrive': async (t) => {
    const id = await addJob(t)
    for (let crashes = 0; crashes < 3; crashes += 1) {
      const lost = await Hand.hire(t)
      await lost.claimOne()
      if (crashes === 2) await t.driver.change(t.queue, [id], CANCEL)
      await lost.crash()
    }
    expect(await stateOf(t.driver, t.queue, id)).toBe('cancelled')
    await t.driver.change(t.queue, [id], { kind: 'retry', body: '"better"' })
    const hand = await Hand.hire(t)
    const job = await hand.claimOne()
    expect(job).toMatchObject({ id, crashes: 0, body: '"better"' })
    expect((await hand.renew()).cancelled.size).toBe(0)
    await hand.record(failed(job, HOUR))
    expect(await stateOf(t.driver, t.queue, id)).toBe('retrying')
  },

  'redrives a job of a group into its group': async (t) => {
    const [first = '', second = ''] = await addJobs(t, 2, { group: 'g' })
    const hand = await Hand.hire(t)
    await hand.record(died(await hand.claimOne()))
    const running = await hand.claimOne()
    await t.driver.change(t.queue, [first], { kind: 'retry' })
    expect(running.id).toBe(second)
    expect(await hand.claim(5)).toEqual([])
    await hand.succeed(running)
    expect(await hand.claimIds(5)).toEqual([first])
  },

  'queues a promoted job at the end, and not once more at its time': async (t) => {
    const [delayed, now] = [await addJob(t, { delayMs: 100 }), await addJob(t)]
    expect(await t.driver.change(t.queue, [delayed], { kind: 'promote' })).toEqual(['done'])
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(5)
    expect(jobs.map((job) => job.id)).toEqual([now, delayed])
    await t.advance(200)
    expect(await hand.claim(5)).toEqual([])
    expect(await countsOf(t.driver, t.queue)).toEqual({ running: 2 })
    await hand.succeed(...jobs)
  },

  'moves an edited job to the end of its new priority, and leaves it where it is otherwise': async (t) => {
    const [a = '', b = '', c = ''] = await addJobs(t, 3)
    const high = await addJob(t, { priority: 5 })
    await t.driver.change(t.queue, [a], { kind: 'edit', body: '"new"' })
    await t.driver.change(t.queue, [b], { kind: 'edit', priority: 5 })
    await t.driver.change(t.queue, [c], { kind: 'edit', priority: 0 })
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(5)
    expect(jobs.map((job) => [job.id, job.priority])).toEqual([
      [high, 5],
      [b, 5],
      [a, 0],
      [c, 0],
    ])
    expect(jobs[2]?.body).toBe('"new"')
  },

  'keeps the new priority of a delayed and of a grouped job': async (t) => {
    const delayed = await addJob(t, { delayMs: 50 })
    const [first = '', second = ''] = await addJobs(t, 2, { group: 'g' })
    await t.driver.change(t.queue, [delayed, second], { kind: 'edit', priority: 7 })
    await addJob(t, { priority: 1 })
    await t.advance(100)
    const hand = await Hand.hire(t)
    const jobs = await hand.claim(3)
    expect(jobs.filter((job) => job.group === null)[0]?.id).toBe(delayed)
    expect(jobs.filter((job) => job.group !== null).map((job) => job.id)).toEqual([second])
    expect(first).not.toBe('')
  },

  'removes without a trace, and its group goes on': async (t) => {
    const [first = '', second = ''] = await addJobs(t, 2, { group: 'g' })
    expect(await t.driver.change(t.queue, [first], { kind: 'remove' })).toEqual(['done'])
    expect(await t.driver.change(t.queue, [first], { kind: 'remove' })).toEqual(['not-found'])
    const hand = await Hand.hire(t)
    expect(await hand.claimIds(5)).toEqual([second])
    expect(await countsOf(t.driver, t.queue)).toEqual({ running: 1 })
  },

  'changes many at once, each answered in order': async (t) => {
    const ids = await addJobs(t, 500)
    const asked = ids.flatMap((id, index) => (index % 100 === 0 ? [UNKNOWN, id] : [id]))
    const outcomes = await t.driver.change(t.queue, asked, CANCEL)
    expect(outcomes).toEqual(asked.map((id) => (id === UNKNOWN ? 'not-found' : 'done')))
    expect(await countsOf(t.driver, t.queue)).toEqual({ cancelled: 500 })
    const retried = await t.driver.change(t.queue, ids, { kind: 'retry' })
    expect(new Set(retried)).toEqual(new Set(['done']))
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 500 })
    expect(await t.driver.change(t.queue, [], CANCEL)).toEqual([])
  },

  'lets one of two racing changes through': async (t) => {
    const ids = await addJobs(t, 50)
    const answers = await Promise.all([t.driver, t.other].map((driver) => driver.change(t.queue, ids, CANCEL)))
    for (const index of ids.keys()) {
      expect(answers.map((answer) => answer[index]).toSorted()).toEqual(['done', 'wrong-state'])
    }
    expect(await countsOf(t.driver, t.queue)).toEqual({ cancelled: 50 })
  },
}
