import { Cron } from 'croner'
import { describe, expect, it } from 'vitest'
import { randomExpression } from '../../../../test/support/schedule/random-expression.ts'
import { Random, testSeed } from '../../../../test/support/schedule/random.ts'
import { changesOf, MINUTE_MS, wallClock } from '../../../../test/support/schedule/wall.ts'
import { nextTime, parseSchedule } from './index.ts'

/** Second witness: croner 11, the one library without a fault in our survey. Where we differ on purpose has a name below. */
const FULL = process.env['PANDA_FULL'] === '1'
const seed = testSeed()

function ours(expression: string, zone: string, after: number, count: number): string[] {
  const schedule = parseSchedule(expression)
  const found: string[] = []
  for (
    let at = nextTime(schedule, zone, after);
    at !== null && found.length < count;
    at = nextTime(schedule, zone, at)
  ) {
    found.push(new Date(at).toISOString())
  }
  return found
}

function croners(expression: string, zone: string, after: number, count: number): string[] {
  // `no-wildcard` is croner's name for Vixie's rule; its default counts only single values as fixed times.
  const cron = new Cron(expression, {
    timezone: zone,
    paused: true,
    fixedTimeRule: 'no-wildcard',
    mode: '5-or-6-parts',
  })
  return cron.nextRuns(count, new Date(after)).map((date) => date.toISOString())
}

/** Syntax that croner does not have or reads otherwise; each is pinned by a case of its own below. */
const otherSyntax: readonly (readonly [name: string, test: (expression: string) => boolean])[] = [
  ['L-n', (expression) => /L-\d/.test(expression)],
  ['*/1 leaves the choice to the other day field', (expression) => /\*\/1( |$)/.test(expression)],
  ['a * within a day list', (expression) => /(\*,|,\*)/.test(expression)],
]

/** Whether croner takes the schedule for a fixed time just as we do. */
function sameKind(expression: string): boolean {
  const fields = expression.split(' ')
  const [second = '', minute = '', hour = ''] = fields.length === 6 ? fields : ['0', ...fields]
  const croner = ![second, minute, hour].some((field) => /[*/]/.test(field))
  return parseSchedule(expression).fixedTime === croner
}

describe('against croner', () => {
  it('agrees on random expressions at ordinary times', { timeout: 60_000 }, () => {
    const random = new Random(seed)
    for (let cases = 0; cases < (FULL ? 10_000 : 1000); cases++) {
      const after = random.int(1_700_000_000, 2_080_000_000) * 1000
      const expression = randomExpression(random, wallClock('UTC')(after))
      if (otherSyntax.some(([, differs]) => differs(expression))) continue
      const said = `seed ${seed}: ${expression} after ${new Date(after).toISOString()}`
      expect(ours(expression, 'UTC', after, 8), said).toEqual(croners(expression, 'UTC', after, 8))
    }
  })

  it('agrees on random expressions around clock changes', { timeout: FULL ? 1_200_000 : 60_000 }, () => {
    const random = new Random(seed)
    const zones = FULL
      ? Intl.supportedValuesOf('timeZone')
      : [
          'America/New_York',
          'Europe/Berlin',
          'Australia/Lord_Howe',
          'Antarctica/Troll',
          'Africa/Casablanca',
          'Pacific/Chatham',
          'Asia/Beirut',
          'America/St_Johns',
          'America/Havana',
          'America/Santiago',
        ]
    let cases = 0
    for (const zone of zones) {
      const changes = changesOf(zone, Date.UTC(2026, 0), Date.UTC(2028, 0))
      for (let count = 0; count < 120 && changes.length > 0; count++) {
        const change = random.pick(changes)
        if (gapCrossesMidnight(zone, change.at)) continue
        const expression = randomExpression(random, wallClock(zone)(change.at - random.pick([0, 1]) * MINUTE_MS))
        if (otherSyntax.some(([, differs]) => differs(expression)) || !sameKind(expression)) continue
        const after = change.at - random.int(0, 30 * 3600) * 1000
        const [want, got] = [croners(expression, zone, after, 12), ours(expression, zone, after, 12)]
        expect(got, `seed ${seed}: ${expression} in ${zone} after ${new Date(after).toISOString()}`).toEqual(want)
        cases++
      }
    }
    expect(cases).toBeGreaterThan(300)
  })
})

function gapCrossesMidnight(zone: string, at: number): boolean {
  const clock = wallClock(zone)
  const [before, after] = [clock(at - MINUTE_MS), clock(at)]
  return after.stamp > before.stamp + 1 && after.day !== before.day
}

describe('where we differ from croner on purpose', () => {
  const spring = Date.parse('2026-03-08T05:00:00Z')
  const zone = 'America/New_York'

  it('Nuuk: a time lost in a gap up to midnight runs at its end, on the next day; croner loses it', () => {
    const after = Date.parse('2026-03-28T12:00:00Z')
    expect(ours('30 23 * * *', 'America/Nuuk', after, 2)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
    expect(croners('30 23 * * *', 'America/Nuuk', after, 1)).toEqual(['2026-03-30T00:30:00.000Z'])
  })

  it('a stepped range is a fixed time (only a leading * is a wildcard, as in Vixie cron); to croner a step is not', () => {
    expect(ours('0-30/15 2 * * *', zone, spring, 2)).toEqual(['2026-03-08T07:00:00.000Z', '2026-03-09T06:00:00.000Z'])
    expect(croners('0-30/15 2 * * *', zone, spring, 1)).toEqual(['2026-03-09T06:00:00.000Z'])
  })

  it('a wildcard in the seconds leaves a fixed time fixed', () => {
    expect(ours('*/30 30 2 * * *', zone, spring, 2)).toEqual(['2026-03-08T07:00:00.000Z', '2026-03-09T06:30:00.000Z'])
    expect(croners('*/30 30 2 * * *', zone, spring, 1)).toEqual(['2026-03-09T06:30:00.000Z'])
  })

  it('*/1 and a * within a list leave the choice to the other day field, as robfig/cron has it', () => {
    const monday = ['2026-03-09T04:00:00.000Z', '2026-03-16T04:00:00.000Z']
    expect(ours('0 0 */1 * 1', zone, spring, 2)).toEqual(monday)
    expect(ours('0 0 15,* * 1', zone, spring, 2)).toEqual(monday)
    expect(croners('0 0 */1 * 1', zone, spring, 2)).toEqual(['2026-03-09T04:00:00.000Z', '2026-03-10T04:00:00.000Z'])
  })

  it('L-3 and LW in a list are taken; croner refuses them', () => {
    expect(ours('0 0 L-3 * *', zone, spring, 1)).toEqual(['2026-03-28T04:00:00.000Z'])
    expect(() => croners('0 0 L-3 * *', zone, spring, 1)).toThrow('L has to be a value of its own')
    expect(ours('0 0 1,LW * *', zone, spring, 2)).toEqual(['2026-03-31T04:00:00.000Z', '2026-04-01T04:00:00.000Z'])
    expect(() => croners('0 0 1,LW * *', zone, spring, 1)).toThrow('LW can not be in a list')
  })
})
