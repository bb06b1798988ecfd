import { expect } from 'vitest'
import type { Glance } from '../glance.ts'
import type { QueueContext, QueueTests } from './harness-contract.ts'
import { HOUR, KEEP_ALL, addJob, addJobs, newJob } from './jobs-contract.ts'
import { Hand, failed } from './worker-contract.ts'

const NOTHING = { queued: false, relays: false, schedules: false, maintain: false, againInMs: null }

async function seen(t: QueueContext, queue = t.queue): Promise<Glance> {
  const glance = (await t.other.glance([queue])).get(queue)
  if (glance === undefined) throw new Error(`no answer for ${queue}`)
  return glance
}

export const glanceTests: QueueTests = {
  'sees nothing in a queue that is empty or unknown, and makes none': async (t) => {
    const [unknown, empty] = [t.queueNamed('never'), t.queueNamed('empty')]
    await t.driver.configure(empty, { paused: false })
    const glances = await t.driver.glance([unknown, empty])
    expect(glances).toEqual(
      new Map([
        [unknown, NOTHING],
        [empty, NOTHING],
      ]),
    )
    expect(await t.driver.queues()).not.toContain(unknown)
    expect(await t.driver.glance([])).toEqual(new Map())
  },

  'tells queues apart, however many are asked for': async (t) => {
    const queues = Array.from({ length: 60 }, (_, n) => t.queueNamed(`n${n}`))
    const some = queues.filter((_, n) => n % 7 === 3)
    for (const queue of some) await t.driver.add(queue, [newJob()])
    const glances = await t.driver.glance(queues)
    expect([...glances.keys()].toSorted()).toEqual(queues.toSorted())
    expect(queues.filter((queue) => glances.get(queue)?.queued === true)).toEqual(some)
  },

  'sees what can be claimed, of any priority and in groups, until it is claimed': async (t) => {
    const hand = await Hand.hire(t)
    for (const some of [{}, { priority: -5 }, { priority: 9 }, { group: 'g' }]) {
      expect(await seen(t)).toMatchObject({ queued: false, maintain: false })
      await addJob(t, some)
      expect(await seen(t)).toMatchObject({ queued: true })
      await hand.succeed(await hand.claimOne())
      // Groups that nobody uses any more are cleared away by it.
      if ('group' in some) await t.driver.maintain(t.queue)
    }
  },

  'tells when a delayed job falls due, and that it has': async (t) => {
    await addJob(t, { delayMs: HOUR })
    const { againInMs } = await seen(t)
    expect(againInMs).toBeGreaterThan(HOUR / 2)
    expect(againInMs).toBeLessThanOrEqual(HOUR)
    await addJob(t, { delayMs: 40 })
    const soon = await seen(t)
    expect(soon.maintain || (soon.againInMs ?? HOUR) <= 40).toBe(true)
    await t.advance(60)
    expect(await seen(t)).toMatchObject({ queued: false, maintain: true })
    await t.driver.maintain(t.queue)
    expect(await seen(t)).toMatchObject({ queued: true, maintain: false })
  },

  'tells when a failed job is to be tried again': async (t) => {
    await addJob(t)
    const hand = await Hand.hire(t)
    await hand.record(failed(await hand.claimOne(), 40))
    await t.advance(60)
    expect(await seen(t)).toMatchObject({ queued: false, maintain: true })
  },

  'sees a dead worker at the end of its lease, and not again once its jobs were taken back': async (t) => {
    await addJobs(t, 2)
    const hand = await Hand.hire(t)
    await hand.claim(2)
    const alive = await seen(t)
    expect(alive).toMatchObject({ queued: false, maintain: false })
    expect(alive.againInMs).toBeGreaterThan(HOUR / 2)
    await hand.vanish()
    expect(await seen(t)).toMatchObject({ queued: false, maintain: true })
    expect(await seen(t)).toMatchObject({ maintain: true })
    expect((await t.driver.maintain(t.queue)).recovered).toBe(2)
    expect(await seen(t)).toEqual({ ...NOTHING, queued: true })
  },

  'sees nothing of a worker that has left': async (t) => {
    const hand = await Hand.hire(t)
    await hand.leave()
    expect(await seen(t)).toEqual(NOTHING)
  },

  'sees what is kept past its age': async (t) => {
    await addJob(t)
    const hand = await Hand.hire(t)
    const [job] = await hand.claim(1)
    if (job === undefined) throw new Error('one job was expected')
    const keep = { ...KEEP_ALL, succeeded: { count: 10, ageMs: 50 } }
    await hand.exchange({ results: [{ kind: 'succeeded', job, value: null }], keep })
    await t.advance(80)
    expect(await seen(t)).toMatchObject({ maintain: true })
    await t.driver.maintain(t.queue)
    expect(await seen(t)).toMatchObject({ maintain: false })
    expect(await t.driver.get(t.queue, [job.id])).toEqual([null])
  },

  'sees a schedule that is due, and when the next one is': async (t) => {
    const { now } = await t.driver.dueSchedules(t.queue)
    await t.driver.putSchedule(t.queue, { key: 'later', spec: '{}', dueAt: now + HOUR })
    await t.driver.putSchedule(t.queue, { key: 'never', spec: '{}', dueAt: null })
    const before = await seen(t)
    expect(before).toMatchObject({ schedules: false, maintain: false })
    expect(before.againInMs).toBeGreaterThan(HOUR / 2)
    expect(before.againInMs).toBeLessThanOrEqual(HOUR)
    await t.driver.putSchedule(t.queue, { key: 'due', spec: '{}', dueAt: now - 1 })
    expect(await seen(t)).toMatchObject({ schedules: true })
    await t.driver.tick(t.queue, 'due', now - 1, null, null)
    expect(await seen(t)).toMatchObject({ schedules: false })
  },

  'sees messages for other queues until they are crossed off': async (t) => {
    await addJob(t, { parent: { queue: t.queueNamed('parents'), id: newJob().id } })
    const hand = await Hand.hire(t)
    await hand.succeed(await hand.claimOne())
    expect(await seen(t)).toMatchObject({ relays: true, queued: false })
    const messages = await t.driver.relays(t.queue, 10)
    expect(messages).toHaveLength(1)
    await t.driver.relayed(
      t.queue,
      messages.map(({ id }) => id),
    )
    expect(await seen(t)).toMatchObject({ relays: false })
  },
}
