import { expect } from 'vitest'
import type { QueueTests } from './harness-contract.ts'
import { HOSTILE_NAMES, HOSTILE_QUEUES, HOUR, addJob, addJobs, countsOf, newJob, recordOf } from './jobs-contract.ts'
import { Hand } from './worker-contract.ts'

const LARGE_BODY = 256 * 1024
const BATCH = 1000
const TEXTS = [
  '{}',
  'null',
  '""',
  '"\\u0000 \\ud83d"',
  '"ü🐼 \u2028 \\n \'single\' {braces} $1 %s"',
  JSON.stringify('x'.repeat(LARGE_BODY)),
  JSON.stringify({ __proto__x: 1, constructor: { a: [1, 2.5, null, true] } }),
]

export const addTests: QueueTests = {
  'keeps what was added as it was given': async (t) => {
    const job = newJob({ body: '{"file":7}', settings: '{"attempts":3}', priority: 5, group: 'g' })
    expect(await t.driver.add(t.queue, [job])).toEqual([{ id: job.id, deduplicated: false }])
    const record = await recordOf(t.other, t.queue, job.id)
    const given = { id: job.id, body: job.body, settings: job.settings, priority: 5, group: 'g', parent: null }
    const nothing = { progress: null, value: null, error: null, reason: null, worker: null, runAt: null }
    const times = { startedAt: null, finishedAt: null, firstFailedAt: null, lastFailedAt: null }
    expect(record).toEqual({
      ...given,
      ...nothing,
      ...times,
      state: 'queued',
      failures: 0,
      crashes: 0,
      waitsFor: 0,
      addedAt: expect.any(Number) as number,
    })
  },

  'answers for each job in order, nothing for none': async (t) => {
    const jobs = Array.from({ length: 20 }, () => newJob())
    expect((await t.driver.add(t.queue, jobs)).map((added) => added.id)).toEqual(jobs.map((job) => job.id))
    expect(await t.driver.add(t.queue, [])).toEqual([])
  },

  'adds an id once, however often the call is repeated': async (t) => {
    const jobs = [newJob(), newJob({ delayMs: HOUR })]
    const first = await t.driver.add(t.queue, jobs)
    expect(await t.other.add(t.queue, jobs)).toEqual(first)
    expect(first.every((added) => !added.deduplicated)).toBe(true)
    expect(await t.driver.stats(t.queue)).toMatchObject({ counts: { queued: 1, scheduled: 1 }, totals: { added: 2 } })
    const hand = await Hand.hire(t)
    expect(await hand.claimIds(10)).toEqual([jobs[0]?.id])
  },

  'does not queue again a running or finished job that is added again': async (t) => {
    const job = newJob()
    await t.driver.add(t.queue, [job])
    const hand = await Hand.hire(t)
    const claimed = await hand.claimOne()
    await t.driver.add(t.queue, [job])
    expect(await hand.claim(5)).toEqual([])
    await hand.succeed(claimed)
    await t.driver.add(t.queue, [job])
    expect(await hand.claim(5)).toEqual([])
    expect(await countsOf(t.driver, t.queue)).toEqual({ succeeded: 1 })
  },

  'adds 1,000 jobs in one call, all or none of them to be seen': async (t) => {
    const jobs = Array.from({ length: BATCH }, (_, index) => newJob({ body: String(index) }))
    const progress = { done: false }
    const adding = t.driver.add(t.queue, jobs).finally(() => {
      progress.done = true
    })
    const seen: number[] = []
    while (!progress.done) seen.push((await t.other.stats(t.queue)).counts.queued)
    await adding
    expect(new Set([...seen, 0, BATCH])).toEqual(new Set([0, BATCH]))
    const hand = await Hand.hire(t)
    const bodies: string[] = []
    while (bodies.length < BATCH) bodies.push(...(await hand.claim(300)).map((job) => job.body))
    expect(bodies).toEqual(jobs.map((job) => job.body))
  },

  'keeps any text, up to a large one': async (t) => {
    await t.driver.add(
      t.queue,
      TEXTS.map((body) => newJob({ body, settings: body })),
    )
    const hand = await Hand.hire(t)
    const claimed = await hand.claim(TEXTS.length)
    expect(claimed.map((job) => job.body)).toEqual(TEXTS)
    expect(claimed.map((job) => job.settings)).toEqual(TEXTS)
    await hand.record(...claimed.map((job) => ({ kind: 'succeeded' as const, job, value: job.body })))
    const records = await t.driver.get(
      t.queue,
      claimed.map((job) => job.id),
    )
    expect(records.map((record) => record?.value)).toEqual(TEXTS)
  },

  'takes hostile names of queues, and keeps them apart': async (t) => {
    for (const name of HOSTILE_QUEUES) await t.driver.add(name, [newJob({ body: JSON.stringify(name) })])
    for (const name of HOSTILE_QUEUES) {
      const hand = await Hand.hire(t, { queue: name })
      const jobs = await hand.claim(10)
      expect(jobs.map((job) => job.body)).toEqual([JSON.stringify(name)])
      await hand.succeed(...jobs)
      expect(await countsOf(t.other, name)).toEqual({ succeeded: 1 })
      await hand.leave()
    }
    expect(await t.driver.queues()).toEqual(expect.arrayContaining(HOSTILE_QUEUES))
  },

  'takes hostile groups and keys': async (t) => {
    const jobs = HOSTILE_NAMES.map((name) => newJob({ group: name, key: { value: name, ttlMs: HOUR } }))
    const added = await t.driver.add(t.queue, jobs)
    expect(added.map((one) => one.deduplicated)).toEqual(HOSTILE_NAMES.map(() => false))
    const again = await t.driver.add(
      t.queue,
      jobs.map((job) => newJob({ key: job.key })),
    )
    expect(again).toEqual(jobs.map((job) => ({ id: job.id, deduplicated: true })))
    const hand = await Hand.hire(t)
    const claimed = await hand.claim(100)
    expect(new Set(claimed.map((job) => job.group))).toEqual(new Set(HOSTILE_NAMES))
    await hand.succeed(...claimed)
  },

  'adds nothing while an idempotency key is taken': async (t) => {
    const key = { value: 'order-7', ttlMs: HOUR }
    const [first, second, third] = [newJob({ key }), newJob({ key }), newJob({ key })]
    await t.driver.add(t.queue, [first])
    expect(await t.other.add(t.queue, [second, third])).toEqual([
      { id: first.id, deduplicated: true },
      { id: first.id, deduplicated: true },
    ])
    expect(await t.driver.get(t.queue, [second.id, third.id])).toEqual([null, null])
    expect(await t.driver.stats(t.queue)).toMatchObject({ counts: { queued: 1 }, totals: { added: 1 } })
    const elsewhere = await t.driver.add(t.queueNamed('other'), [newJob({ key })])
    expect(elsewhere[0]?.deduplicated).toBe(false)
  },

  'lets the first of one call win a key, in order with jobs without one': async (t) => {
    const key = { value: 'k', ttlMs: HOUR }
    const jobs = [newJob(), newJob({ key }), newJob({ key }), newJob()]
    const added = await t.driver.add(t.queue, jobs)
    expect(added.map((one) => one.id)).toEqual([jobs[0]?.id, jobs[1]?.id, jobs[1]?.id, jobs[3]?.id])
    expect(added.map((one) => one.deduplicated)).toEqual([false, false, true, false])
  },

  'lets one of many racers win a key': async (t) => {
    const key = { value: 'race', ttlMs: HOUR }
    const drivers = [t.driver, t.other]
    const calls = Array.from({ length: 20 }, (_, index) => drivers[index % 2]?.add(t.queue, [newJob({ key })]))
    const added = (await Promise.all(calls)).flatMap((answer) => answer ?? [])
    expect(new Set(added.map((one) => one.id)).size).toBe(1)
    expect(added.filter((one) => !one.deduplicated)).toHaveLength(1)
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 1 })
  },

  'keeps a key taken beyond the end and the removal of its job': async (t) => {
    const key = { value: 'k', ttlMs: HOUR }
    const first = newJob({ key })
    await t.driver.add(t.queue, [first])
    const hand = await Hand.hire(t)
    await hand.succeed(await hand.claimOne())
    await t.driver.change(t.queue, [first.id], { kind: 'remove' })
    expect(await t.driver.add(t.queue, [newJob({ key })])).toEqual([{ id: first.id, deduplicated: true }])
    expect(await countsOf(t.driver, t.queue)).toEqual({})
  },

  'does not add again a job that is gone, when its own call is repeated while its key lives': async (t) => {
    const job = newJob({ key: { value: 'k', ttlMs: HOUR } })
    await t.driver.add(t.queue, [job])
    await t.driver.change(t.queue, [job.id], { kind: 'remove' })
    expect(await t.driver.add(t.queue, [job])).toEqual([{ id: job.id, deduplicated: false }])
    expect(await t.driver.get(t.queue, [job.id])).toEqual([null])
  },

  'frees a key at the end of its life': async (t) => {
    const key = { value: 'k', ttlMs: 100 }
    await addJob(t, { key })
    await t.advance(200)
    const again = newJob({ key })
    expect(await t.driver.add(t.queue, [again])).toEqual([{ id: again.id, deduplicated: false }])
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 2 })
  },

  'keeps a delayed job until its time': async (t) => {
    const later = await addJob(t, { delayMs: HOUR })
    const soon = await addJob(t, { delayMs: 100 })
    const record = await recordOf(t.driver, t.queue, later)
    expect(record).toMatchObject({ state: 'scheduled', runAt: record.addedAt + HOUR })
    await t.advance(200)
    const hand = await Hand.hire(t)
    expect(await hand.claimIds(10)).toEqual([soon])
    expect(await recordOf(t.driver, t.queue, soon)).toMatchObject({ state: 'running', runAt: null })
    expect(await countsOf(t.driver, t.queue)).toEqual({ running: 1, scheduled: 1 })
  },

  'runs a job at once whose time has passed, and another at its time': async (t) => {
    const { addedAt } = await recordOf(t.driver, t.queue, await addJob(t, { runAt: 1 }))
    const future = await addJob(t, { runAt: addedAt + HOUR })
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 1, scheduled: 1 })
    expect(await recordOf(t.driver, t.queue, future)).toMatchObject({ runAt: addedAt + HOUR })
  },

  'queues due jobs in the order of their times': async (t) => {
    const ids = await addJobs(t, 5, (index) => ({ delayMs: 100 - index * 20 }))
    await t.advance(300)
    const hand = await Hand.hire(t)
    expect(await hand.claimIds(10)).toEqual(ids.toReversed())
  },
}
