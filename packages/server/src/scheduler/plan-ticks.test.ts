import { CONCURRENCY, MISSED_POLICIES } from '@pandastack/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DueTick } from './due-ticks.ts'
import { MAX_WAITING, MISSED_AFTER_MS } from './limits.ts'
import { keptBack, NONE_ACTIVE, planTicks, type TickPolicy } from './plan-ticks.ts'

const NOW = Date.UTC(2026, 5, 1, 12)
const BASE: TickPolicy = {
  id: 'cj_1',
  suspended: false,
  concurrency: 'allow',
  missed: 'last',
  missedLimit: 100,
  deadlineMs: null,
  jitterMs: 0,
}

/** Ticks so many milliseconds ago, the oldest first. */
function ago(...lateMs: number[]): DueTick[] {
  return lateMs.map((late) => ({ at: NOW - late, note: null }))
}

function outcomes(policy: Partial<TickPolicy>, ticks: DueTick[], active = NONE_ACTIVE, more = false) {
  const { births } = planTicks({ ...BASE, ...policy }, ticks, more, NOW, active)
  return births.map(({ state, reason, trigger, held }) =>
    [state, reason, trigger === 'catch-up' ? trigger : null, held ? 'held' : null].filter((word) => word).join('/'),
  )
}

const MINUTE = 60_000
const DOWN = ago(5 * MINUTE, 4 * MINUTE, 3 * MINUTE, 2 * MINUTE)

describe('a tick found in time', () => {
  it('starts, with its note and its due time', () => {
    const { births } = planTicks(BASE, [{ at: NOW - 4, note: 'dst-gap' }], false, NOW, NONE_ACTIVE)
    expect(births).toEqual([
      {
        dueAt: NOW - 4,
        note: 'dst-gap',
        trigger: 'schedule',
        state: 'queued',
        reason: null,
        message: null,
        held: false,
        availableAt: NOW - 4,
      },
    ])
  })

  it('is on time up to exactly the limit of lateness', () => {
    expect(outcomes({ missed: 'skip' }, ago(MISSED_AFTER_MS))).toEqual(['queued'])
    expect(outcomes({ missed: 'skip' }, ago(MISSED_AFTER_MS + 1))).toEqual(['missed/server-down'])
  })

  it('waits for its jitter, the same on every server', () => {
    const policy = { ...BASE, jitterMs: 30 * MINUTE }
    const [first] = planTicks(policy, ago(0), false, NOW, NONE_ACTIVE).births
    const [again] = planTicks(policy, ago(0), false, NOW, NONE_ACTIVE).births
    expect(first).toEqual(again)
    expect(first?.state).toBe('scheduled')
    expect(first?.availableAt).toBeGreaterThan(NOW)
    expect(first?.availableAt).toBeLessThan(NOW + 30 * MINUTE)
  })

  it('does not wait for jitter that is over', () => {
    expect(outcomes({ jitterMs: 1000 }, ago(1000))).toEqual(['queued'])
  })
})

describe('missed policy', () => {
  it('skip: none is run', () => {
    expect(outcomes({ missed: 'skip' }, DOWN)).toEqual(Array(4).fill('missed/server-down'))
  })

  it('last: only the newest is run', () => {
    expect(outcomes({ missed: 'last' }, DOWN)).toEqual([...Array(3).fill('missed/server-down'), 'queued/catch-up'])
  })

  it('all: the newest up to the limit are run', () => {
    expect(outcomes({ missed: 'all', missedLimit: 2 }, DOWN)).toEqual([
      ...Array(2).fill('missed/server-down'),
      ...Array(2).fill('queued/catch-up'),
    ])
  })

  it('does not count ticks found in time', () => {
    expect(outcomes({}, [...DOWN, ...ago(1000)])).toEqual([
      ...Array(3).fill('missed/server-down'),
      'queued/catch-up',
      'queued',
    ])
  })

  it('leaves undecided what may still be picked while more is due', () => {
    expect(outcomes({ missed: 'all', missedLimit: 3 }, DOWN, NONE_ACTIVE, true)).toEqual(['missed/server-down'])
    expect(outcomes({ missed: 'skip' }, DOWN, NONE_ACTIVE, true)).toHaveLength(4)
  })

  it('decides all as soon as the page reaches ticks that are in time', () => {
    expect(outcomes({}, [...DOWN, ...ago(1000)], NONE_ACTIVE, true)).toHaveLength(5)
  })

  it('says how late a missed tick was found', () => {
    const [birth] = planTicks({ ...BASE, missed: 'skip' }, ago(90 * MINUTE), false, NOW, NONE_ACTIVE).births
    expect(birth?.message).toBe('no server took it in time, it was found 1h30m late')
  })
})

describe('pause and deadline', () => {
  it('a paused cronjob skips every tick, late ones too', () => {
    expect(outcomes({ suspended: true }, [...DOWN, ...ago(5)])).toEqual(Array(5).fill('skipped/paused'))
  })

  it('a tick later than its deadline is skipped', () => {
    expect(outcomes({ deadlineMs: 5000 }, ago(5001, 5000))).toEqual(['skipped/deadline', 'queued'])
  })

  it('a catch-up does not outlive its deadline', () => {
    expect(outcomes({ deadlineMs: 3 * MINUTE }, ago(4 * MINUTE))).toEqual(['skipped/deadline/catch-up'])
  })
})

describe('concurrency policy', () => {
  const one = { total: 1, waiting: 0 }

  it('allow starts beside active runs', () => {
    expect(outcomes({ concurrency: 'allow' }, ago(3000, 2000), one)).toEqual(['queued', 'queued'])
  })

  it('forbid starts one and skips the others', () => {
    expect(outcomes({ concurrency: 'forbid' }, ago(3000, 2000))).toEqual(['queued', 'skipped/overlap'])
    expect(outcomes({ concurrency: 'forbid' }, ago(2000), one)).toEqual(['skipped/overlap'])
  })

  it('queue holds a run behind the active one, and is full at its limit', () => {
    expect(outcomes({ concurrency: 'queue' }, ago(3000, 2000))).toEqual(['queued', 'queued/held'])
    const almost = { total: MAX_WAITING, waiting: MAX_WAITING - 1 }
    expect(outcomes({ concurrency: 'queue' }, ago(3000, 2000), almost)).toEqual(['queued/held', 'skipped/queue-full'])
  })

  it('replace ends the active run and holds the new one until it has ended', () => {
    const plan = planTicks({ ...BASE, concurrency: 'replace' }, ago(0), false, NOW, one)
    expect(plan.replacesActive).toBe(true)
    expect(plan.births[0]).toMatchObject({ state: 'queued', held: true })
  })

  it('replace starts only the newest of several ticks, and cancels nothing when none is active', () => {
    const plan = planTicks({ ...BASE, concurrency: 'replace' }, ago(3000, 2000), false, NOW, NONE_ACTIVE)
    expect(plan.replacesActive).toBe(false)
    expect(plan.births.map((birth) => birth.state)).toEqual(['skipped', 'queued'])
  })

  it('replace does not cancel for a tick that is itself skipped', () => {
    const plan = planTicks({ ...BASE, concurrency: 'replace', deadlineMs: 1 }, ago(5), false, NOW, one)
    expect(plan.replacesActive).toBe(false)
  })
})

describe('for every policy and every backlog', () => {
  const policies = fc.record({
    id: fc.constant('cj_any'),
    suspended: fc.boolean(),
    concurrency: fc.constantFrom(...CONCURRENCY),
    missed: fc.constantFrom(...MISSED_POLICIES),
    missedLimit: fc.integer({ min: 1, max: 20 }),
    deadlineMs: fc.option(fc.integer({ min: 1, max: 10 * MINUTE })),
    jitterMs: fc.constantFrom(0, 500, 5 * MINUTE),
  })
  const lateness = fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 300 })
  const backlogs = lateness.map((late) => ago(...late.sort((a, b) => b - a).map((seconds) => seconds * 1000)))
  const actives = fc.nat(120).chain((total) => fc.record({ total: fc.constant(total), waiting: fc.nat(total) }))

  it('pages of any size give each tick exactly one birth, in order', () => {
    fc.assert(
      fc.property(policies, backlogs, actives, fc.integer({ min: 1, max: 50 }), (policy, ticks, active, size) => {
        const seen: number[] = []
        let rest = ticks
        while (rest.length > 0) {
          const page = rest.slice(0, size + keptBack(policy))
          const { births } = planTicks(policy, page, page.length < rest.length, NOW, active)
          expect(births.length).toBeGreaterThan(0)
          seen.push(...births.map((birth) => birth.dueAt))
          rest = rest.slice(births.length)
        }
        expect(seen).toEqual(ticks.map((tick) => tick.at))
      }),
    )
  })

  it('pages run the same ticks as one look at everything, as far as the missed policy decides', () => {
    fc.assert(
      fc.property(policies, backlogs, fc.integer({ min: 1, max: 50 }), (any, ticks, size) => {
        const policy = { ...any, concurrency: 'allow' } as const
        const whole = planTicks(policy, ticks, false, NOW, NONE_ACTIVE).births
        const paged = []
        let rest = ticks
        while (rest.length > 0) {
          const page = rest.slice(0, size + keptBack(policy))
          const { births } = planTicks(policy, page, page.length < rest.length, NOW, NONE_ACTIVE)
          paged.push(...births)
          rest = rest.slice(births.length)
        }
        expect(paged).toEqual(whole)
      }),
    )
  })

  it('keeps the bounds: catch-ups, overlap, waiting runs, and a reason for all that does not start', () => {
    fc.assert(
      fc.property(policies, backlogs, actives, (policy, ticks, active) => {
        const { births } = planTicks(policy, ticks, false, NOW, active)
        const starting = births.filter((birth) => birth.state === 'queued' || birth.state === 'scheduled')
        const idle = births.filter((birth) => birth.state === 'skipped' || birth.state === 'missed')
        expect(starting.filter((birth) => birth.trigger === 'catch-up').length).toBeLessThanOrEqual(keptBack(policy))
        expect(idle.every((birth) => birth.reason !== null && birth.message !== null)).toBe(true)
        expect(starting.every((birth) => birth.reason === null && birth.availableAt >= birth.dueAt)).toBe(true)
        if (policy.suspended) expect(starting).toHaveLength(0)
        const free = starting.filter((birth) => !birth.held)
        if (policy.concurrency !== 'allow') expect(free.length).toBeLessThanOrEqual(active.total === 0 ? 1 : 0)
        const held = starting.length - free.length
        if (held > 0) expect(held + active.waiting).toBeLessThanOrEqual(Math.max(MAX_WAITING, active.waiting + 1))
      }),
    )
  })
})
