import { expect, test } from 'vitest'
import { parseSchedule } from '../schedule/index.ts'
import { MAX_MISSED, planSteps } from './schedule-plan.ts'
import type { MissedPolicy, Step } from './schedule-plan.ts'

const at = (text: string) => Date.parse(text)
const plan = (expression: string, missed: MissedPolicy, due: string, now: string, zone = 'UTC'): Step[] =>
  planSteps(parseSchedule(expression), zone, missed, at(due), at(now))
const fired = (steps: readonly Step[]) =>
  steps.filter((step) => step.fires).map((step) => new Date(step.from).toISOString().slice(0, 19))

test('a tick in time makes one job and moves on', () => {
  expect(plan('0 8 * * 1', 'last', '2026-03-02T08:00:00Z', '2026-03-02T08:00:02Z')).toEqual([
    { from: at('2026-03-02T08:00:00Z'), to: at('2026-03-09T08:00:00Z'), fires: true },
  ])
})

test('a few seconds of delay lose no tick of a schedule of every second', () => {
  expect(fired(plan('* * * * * *', 'skip', '2026-03-02T08:00:00Z', '2026-03-02T08:00:03Z'))).toHaveLength(4)
})

test('skip leaves out what was missed', () => {
  expect(plan('0 * * * *', 'skip', '2026-03-02T08:00:00Z', '2026-03-02T11:30:00Z')).toEqual([
    { from: at('2026-03-02T08:00:00Z'), to: at('2026-03-02T12:00:00Z'), fires: false },
  ])
})

test('last makes one job for all that was missed', () => {
  const steps = plan('0 * * * *', 'last', '2026-03-02T08:00:00Z', '2026-03-02T11:30:00Z')
  expect(fired(steps)).toEqual(['2026-03-02T11:00:00'])
  expect(steps.at(-1)?.to).toBe(at('2026-03-02T12:00:00Z'))
})

test('all makes one each, the newest ones up to the bound', () => {
  expect(fired(plan('0 * * * *', 'all', '2026-03-02T08:00:00Z', '2026-03-02T11:30:00Z'))).toEqual([
    '2026-03-02T08:00:00',
    '2026-03-02T09:00:00',
    '2026-03-02T10:00:00',
    '2026-03-02T11:00:00',
  ])
  expect(fired(plan('* * * * *', 'all', '2026-03-01T00:00:00Z', '2026-03-02T00:00:30Z'))).toHaveLength(MAX_MISSED + 1)
})

test('a year of missed seconds is planned without walking through it', () => {
  expect(fired(plan('* * * * * *', 'last', '2025-01-01T00:00:00Z', '2026-01-01T00:00:00Z')).length).toBe(62)
})

test.each(['skip', 'last', 'all'] as const)(
  'the moves of %s hang together, from the due time to the future',
  (missed) => {
    for (const [due, now] of [
      ['2026-03-28T00:30:00Z', '2026-03-29T12:10:00Z'],
      ['2026-10-24T00:30:00Z', '2026-10-25T12:10:00Z'],
    ] as const) {
      const first = plan('30 2 * * *', missed, '2026-03-01T00:00:00Z', due, 'Europe/Berlin').at(-1)!.to!
      const steps = planSteps(parseSchedule('30 2 * * *'), 'Europe/Berlin', missed, first, at(now))
      expect(steps[0]?.from).toBe(first)
      for (let i = 1; i < steps.length; i += 1) expect(steps[i]?.from).toBe(steps[i - 1]?.to)
      expect(steps.at(-1)?.to).toBeGreaterThan(at(now))
    }
  },
)
