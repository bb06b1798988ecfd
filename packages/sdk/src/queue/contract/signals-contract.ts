import { expect } from 'vitest'
import { Ear } from './ear-contract.ts'
import type { QueueContext, QueueTests } from './harness-contract.ts'
import { HOUR, KEEP, KEEP_NONE, addJob, addJobs, newJob } from './jobs-contract.ts'
import { Hand, cancelledBy, died, released, succeeded } from './worker-contract.ts'

/** Hears, as another process, what is done by the first. */
async function withEar(t: QueueContext, body: (ear: Ear) => Promise<void>, queues = [t.queue]): Promise<void> {
  const ear = await Ear.open(t.other, queues)
  try {
    await body(ear)
  } finally {
    ear.close()
  }
}

/** An idle worker: it asked for more than there was. A busy one need not be told of work. */
async function idle(t: QueueContext, queue = t.queue): Promise<Hand> {
  const hand = await Hand.hire(t, { driver: t.other, queue })
  expect(await hand.claim(1)).toEqual([])
  return hand
}

export const signalTests: QueueTests = {
  'wakes idle workers for added jobs': (t) =>
    withEar(t, async (ear) => {
      const hand = await idle(t)
      await addJob(t)
      expect(await ear.kind('work')).toEqual({ kind: 'work', queue: t.queue })
      expect(await hand.claim(2)).toHaveLength(1)
      ear.clear()
      await addJob(t, { group: 'g' })
      await ear.kind('work')
    }),

  'wakes idle workers for a delayed job that is due before all others, so that they know when': (t) =>
    withEar(t, async (ear) => {
      const hand = await idle(t)
      await addJob(t, { delayMs: HOUR })
      await ear.kind('work')
      expect(await hand.claim(1)).toEqual([])
      ear.clear()
      await addJob(t, { delayMs: 60_000 })
      await ear.kind('work')
    }),

  'wakes idle workers for jobs that are promoted, redriven, handed back or taken back': (t) =>
    withEar(t, async (ear) => {
      const [id = ''] = await addJobs(t, 1, { delayMs: HOUR })
      const hand = await Hand.hire(t)
      const lost = await Hand.hire(t)
      const change = (kind: 'promote' | 'retry') => t.driver.change(t.queue, [id], { kind })
      const wakes = async (step: () => Promise<unknown>) => {
        await idle(t)
        ear.clear()
        await step()
        await ear.kind('work')
      }
      await wakes(() => change('promote'))
      const job = await hand.claimOne()
      await wakes(() => hand.record(released(job)))
      await hand.record(died(await hand.claimOne()))
      await wakes(() => change('retry'))
      await hand.claimOne()
      await wakes(() => hand.leave())
      await lost.claimOne()
      await lost.vanish()
      await wakes(() => t.driver.maintain(t.queue))
    }),

  'wakes idle workers when a place becomes free that others wait for': (t) =>
    withEar(t, async (ear) => {
      await addJobs(t, 2, { group: 'g' })
      const hand = await Hand.hire(t)
      const job = await hand.claimOne()
      await idle(t)
      ear.clear()
      await hand.succeed(job)
      await ear.kind('work')
      await t.driver.configure(t.queue, { concurrency: 1 })
      const second = await hand.claimOne()
      await addJob(t)
      await idle(t)
      ear.clear()
      await hand.succeed(second)
      await ear.kind('work')
    }),

  'tells of changed settings': (t) =>
    withEar(t, async (ear) => {
      await t.driver.configure(t.queue, { paused: true })
      expect(await ear.kind('settings')).toEqual({ kind: 'settings', queue: t.queue })
    }),

  'tells the worker of a running job that is to be cancelled': (t) =>
    withEar(t, async (ear) => {
      const ids = await addJobs(t, 3)
      const hand = await Hand.hire(t)
      await hand.claim(2)
      await t.driver.change(t.queue, ids, { kind: 'cancel', reason: 'stop', keep: KEEP })
      const seen = new Set<string>()
      await ear.until((signal) => {
        if (signal.kind === 'cancel') for (const id of signal.ids) seen.add(id)
        return seen.size >= 2
      })
      expect([...seen].toSorted()).toEqual(ids.slice(0, 2))
    }),

  'tells who watches how a job ended, and of no other job': (t) =>
    withEar(t, async (ear) => {
      const ids = await addJobs(t, 5)
      const [one, two, three, four, five] = ids
      for (const id of [two, three, four, five]) await t.other.watch(t.queue, id ?? '')
      const hand = await Hand.hire(t)
      const jobs = await hand.claim(4)
      const results = [
        (job: (typeof jobs)[0]) => succeeded(job),
        (job: (typeof jobs)[0]) => succeeded(job, '{"n":2}'),
        (job: (typeof jobs)[0]) => died(job, '{"message":"three"}'),
        (job: (typeof jobs)[0]) => cancelledBy(job, 'four'),
      ]
      for (const [index, job] of jobs.entries()) {
        const result = results[index]?.(job)
        if (result !== undefined) await hand.record(result)
      }
      await t.driver.change(t.queue, [five ?? ''], { kind: 'cancel', reason: 'five', keep: KEEP })
      await ear.until((signal) => signal.kind === 'finished' && signal.id === five)
      const base = { kind: 'finished', queue: t.queue, value: null, error: null, reason: null }
      expect(ear.heard.filter((signal) => signal.kind === 'finished')).toEqual([
        { ...base, id: two, state: 'succeeded', value: '{"n":2}' },
        { ...base, id: three, state: 'dead', error: '{"message":"three"}', reason: 'attempts' },
        { ...base, id: four, state: 'cancelled', reason: 'four' },
        { ...base, id: five, state: 'cancelled', reason: 'five' },
      ])
      expect(one).toBeDefined()
    }),

  'tells who watches that a job died of crashes': (t) =>
    withEar(t, async (ear) => {
      const id = await addJob(t)
      await t.other.watch(t.queue, id)
      for (let crashes = 0; crashes < 3; crashes += 1) {
        const lost = await Hand.hire(t)
        await lost.claimOne()
        await lost.crash()
      }
      expect(await ear.kind('finished')).toMatchObject({ id, state: 'dead', reason: 'crashes' })
    }),

  'tells who watches that a job was removed': (t) =>
    withEar(t, async (ear) => {
      const ids = [await addJob(t), await addJob(t, { delayMs: HOUR }), await addJob(t, { group: 'g' })]
      const unwatched = await addJob(t)
      for (const id of ids) expect(await t.other.watch(t.queue, id)).toBeNull()
      await t.driver.change(t.queue, [unwatched, ...ids], { kind: 'remove' })
      const seen = new Map<string, unknown>()
      await ear.until((signal) => {
        if (signal.kind === 'finished') seen.set(signal.id, [signal.state, signal.value, signal.error, signal.reason])
        return seen.size === 3
      })
      expect(seen).toEqual(new Map(ids.map((id) => [id, ['cancelled', null, null, 'removed']])))
    }),

  'shows the end of a watched job although nothing is kept': (t) =>
    withEar(t, async (ear) => {
      const id = await addJob(t)
      await t.other.watch(t.queue, id)
      const hand = await Hand.hire(t)
      const results = [succeeded(await hand.claimOne(), '"result"')]
      await hand.exchange({ results, keep: KEEP_NONE })
      expect(await ear.kind('finished')).toMatchObject({ id, state: 'succeeded', value: '"result"' })
      await addJob(t)
      await hand.exchange({ results: [succeeded(await hand.claimOne())], keep: KEEP_NONE })
      expect(await t.other.watch(t.queue, id)).toMatchObject({ state: 'succeeded', value: '"result"' })
    }),

  'tells of the queues that were asked for, and of many at once': async (t) => {
    const queues = [t.queueNamed('a'), t.queueNamed('b:c*')]
    await withEar(
      t,
      async (ear) => {
        for (const queue of [t.queue, ...queues]) await idle(t, queue)
        await addJob(t)
        await t.driver.add(queues[0] ?? '', [newJob()])
        await t.driver.add(queues[1] ?? '', [newJob()])
        await ear.until((signal) => signal.kind === 'work' && signal.queue === queues[1])
        await ear.until((signal) => signal.kind === 'work' && signal.queue === queues[0])
        expect(ear.heard.some((signal) => signal.kind === 'work' && signal.queue === t.queue)).toBe(false)
      },
      queues,
    )
  },

  'tells nothing any more to who has stopped listening': async (t) => {
    const [ended, ear] = [await Ear.open(t.other, [t.queue]), await Ear.open(t.other, [t.queue])]
    ended.close()
    await idle(t)
    await addJob(t)
    await ear.kind('work')
    ear.close()
    expect(ended.heard).toEqual([])
  },

  'reaches listeners of the same driver too': async (t) => {
    const ear = await Ear.open(t.driver, [t.queue])
    await idle(t)
    await addJob(t)
    await ear.kind('work')
    ear.close()
  },
}
