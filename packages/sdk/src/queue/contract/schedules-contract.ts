import { expect } from 'vitest'
import type { QueueContext, QueueTests } from './harness-contract.ts'
import { HOUR, addJob, countsOf, newJob, recordOf } from './jobs-contract.ts'
import { Hand } from './worker-contract.ts'

const SPEC = '{"cron":"0 8 * * 1"}'

/** The store's clock. */
async function nowOf(t: QueueContext): Promise<number> {
  return (await t.driver.dueSchedules(t.queue)).now
}

export const scheduleTests: QueueTests = {
  'keeps schedules, and says whether one is new or changed': async (t) => {
    const dueAt = (await nowOf(t)) + HOUR
    const weekly = { key: 'weekly', spec: SPEC, dueAt }
    expect(await t.driver.putSchedule(t.queue, weekly)).toBe(true)
    expect(await t.other.putSchedule(t.queue, { ...weekly, dueAt: dueAt + 5 })).toBe(false)
    expect(await t.driver.schedules(t.queue)).toEqual([weekly])
    const changed = { key: 'weekly', spec: '{"cron":"0 9 * * 1"}', dueAt: dueAt + 7 }
    expect(await t.other.putSchedule(t.queue, changed)).toBe(true)
    await t.driver.putSchedule(t.queue, { key: `it's:{odd}\n`, spec: '"ü"', dueAt: null })
    const all = await t.driver.schedules(t.queue)
    expect(all).toHaveLength(2)
    expect(all).toEqual(expect.arrayContaining([changed, { key: `it's:{odd}\n`, spec: '"ü"', dueAt: null }]))
  },

  'removes a schedule once': async (t) => {
    await t.driver.putSchedule(t.queue, { key: 'a', spec: SPEC, dueAt: 1 })
    expect(await t.other.removeSchedule(t.queue, 'a')).toBe(true)
    expect(await t.driver.removeSchedule(t.queue, 'a')).toBe(false)
    expect(await t.driver.schedules(t.queue)).toEqual([])
    expect(await t.driver.tick(t.queue, 'a', 1, 2, newJob())).toBe(false)
    expect(await countsOf(t.driver, t.queue)).toEqual({})
  },

  'says which are due, and when the next one will be': async (t) => {
    expect(await t.driver.dueSchedules(t.queue)).toMatchObject({ due: [], againInMs: null })
    const now = await nowOf(t)
    const past = { key: 'past', spec: SPEC, dueAt: now - 1000 }
    for (const schedule of [
      past,
      { ...past, key: 'soon', dueAt: now + HOUR },
      { ...past, key: 'never', dueAt: null },
    ]) {
      await t.driver.putSchedule(t.queue, schedule)
    }
    const look = await t.other.dueSchedules(t.queue)
    expect(look.due).toEqual([past])
    expect(look.now).toBeGreaterThanOrEqual(now)
    expect(look.againInMs).toBeGreaterThan(HOUR / 2)
    expect(look.againInMs).toBeLessThanOrEqual(HOUR)
  },

  'lets exactly one of many racers take a due time': async (t) => {
    const dueAt = (await nowOf(t)) - 10
    await t.driver.putSchedule(t.queue, { key: 'k', spec: SPEC, dueAt })
    const drivers = [t.driver, t.other]
    const race = (at: number, next: number) =>
      Promise.all(Array.from({ length: 20 }, (_, index) => drivers[index % 2]?.tick(t.queue, 'k', at, next, newJob())))
    for (const step of [0, 1, 2]) {
      const won = await race(dueAt + step, dueAt + step + 1)
      expect(won.filter(Boolean)).toHaveLength(1)
    }
    expect(await countsOf(t.driver, t.queue)).toEqual({ queued: 3 })
    expect(await t.driver.schedules(t.queue)).toEqual([{ key: 'k', spec: SPEC, dueAt: dueAt + 3 }])
  },

  'adds the job of a tick as it is given, and none for a skipped time': async (t) => {
    const dueAt = (await nowOf(t)) - 10
    await t.driver.putSchedule(t.queue, { key: 'k', spec: SPEC, dueAt })
    expect(await t.driver.tick(t.queue, 'k', dueAt, dueAt + 1, null)).toBe(true)
    expect(await countsOf(t.driver, t.queue)).toEqual({})
    const job = newJob({ body: '"weekly"', priority: 4, group: 'g' })
    expect(await t.driver.tick(t.queue, 'k', dueAt + 1, null, job)).toBe(true)
    expect(await recordOf(t.driver, t.queue, job.id)).toMatchObject({ body: '"weekly"', priority: 4, state: 'queued' })
    expect(await t.driver.schedules(t.queue)).toEqual([{ key: 'k', spec: SPEC, dueAt: null }])
    expect((await t.driver.dueSchedules(t.queue)).due).toEqual([])
    const hand = await Hand.hire(t)
    expect(await hand.claimIds(5)).toEqual([job.id])
  },

  'keeps schedules of queues apart': async (t) => {
    await t.driver.putSchedule(t.queue, { key: 'k', spec: SPEC, dueAt: 1 })
    expect(await t.driver.schedules(t.queueNamed('b'))).toEqual([])
    expect(await t.driver.tick(t.queueNamed('b'), 'k', 1, 2, newJob())).toBe(false)
    await addJob(t)
    expect(await t.driver.tick(t.queue, 'k', 1, 2, null)).toBe(true)
  },
}
