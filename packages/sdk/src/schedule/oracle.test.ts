import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { oracleTicks } from '../../../../test/support/schedule/oracle.ts'
import type { OracleTick } from '../../../../test/support/schedule/oracle.ts'
import { randomExpression } from '../../../../test/support/schedule/random-expression.ts'
import { Random, testSeed } from '../../../../test/support/schedule/random.ts'
import { changesOf, film, MINUTE_MS, wallClock } from '../../../../test/support/schedule/wall.ts'
import type { Change, Film } from '../../../../test/support/schedule/wall.ts'
import { nextTime, parseSchedule, ticksBetween } from './index.ts'

/**
 * First witness: the brute-force oracle. `PANDA_FULL=1` takes every clock change of every zone from 2024 to 2035 and
 * 100,000 expressions; otherwise a seeded sample.
 */
const FULL = process.env['PANDA_FULL'] === '1'
const HOUR_MS = 60 * MINUTE_MS
const MAX_TICKS = 300
const seed = testSeed()

/** The changes of each zone that has any. */
function changesOfAllZones(firstYear: number, yearAfter: number): Change[][] {
  const all = Intl.supportedValuesOf('timeZone').map((zone) =>
    changesOf(zone, Date.UTC(firstYear, 0), Date.UTC(yearAfter, 0)),
  )
  return all.filter((changes) => changes.length > 0)
}

function filmAround(change: Change): Film {
  return film(change.zone, change.at - 60 * HOUR_MS, change.at + 60 * HOUR_MS)
}

/** One random expression from one random moment around the change; every tick, time, note and nominal time compared. */
function compare(random: Random, change: Change, taken: Film): OracleTick[] {
  const near = wallClock(change.zone)(change.at + random.pick([-1, 0]) * MINUTE_MS)
  const expression = randomExpression(random, near)
  const after = change.at + random.int(-30 * 3600, 3 * 3600) * 1000 + random.pick([0, 0, -1, 1])
  const until =
    expression.split(' ').length === 6 ? after + 6 * HOUR_MS : Math.min(after + 34 * HOUR_MS, change.at + 30 * HOUR_MS)
  const expected = oracleTicks(expression, taken, after, until).slice(0, MAX_TICKS)
  const ticks = []
  const schedule = parseSchedule(expression)
  for (const tick of ticksBetween(schedule, change.zone, after, until)) {
    ticks.push(tick)
    if (ticks.length === MAX_TICKS) break
  }
  const said = `seed ${seed}: ${expression} in ${change.zone} after ${new Date(after).toISOString()}`
  expect(ticks, said).toEqual(expected)
  const times: number[] = []
  for (let at = nextTime(schedule, change.zone, after); at !== null && at <= until && times.length < MAX_TICKS;) {
    times.push(at)
    at = nextTime(schedule, change.zone, at)
  }
  expect(times, said).toEqual(expected.map((tick) => tick.at))
  return expected
}

describe('against the brute-force oracle', () => {
  it(
    'agrees on random expressions around the clock changes of every zone',
    { timeout: FULL ? 3_600_000 : 120_000 },
    async () => {
      const random = new Random(seed)
      const zones = FULL ? changesOfAllZones(2024, 2036) : changesOfAllZones(2026, 2028)
      const changes = FULL ? zones.flat() : zones.map((all) => random.pick(all))
      const each = FULL ? Math.ceil(100_000 / changes.length) : 5
      const seen = { cases: 0, ticks: 0, gaps: 0, repeats: 0 }
      for (const change of changes) {
        // Lets the test runner hear from its worker: the full run takes minutes.
        await setImmediate()
        const taken = filmAround(change)
        for (let count = 0; count < each; count++) {
          const ticks = compare(random, change, taken)
          seen.cases++
          seen.ticks += ticks.length
          seen.gaps += ticks.filter((tick) => tick.note === 'dst-gap').length
          seen.repeats += ticks.filter((tick) => tick.note === 'dst-repeat').length
        }
      }
      console.info(`oracle: ${JSON.stringify(seen)} at ${changes.length} clock changes, seed ${seed}`)
      // A sample that never met a gap or a repeated time would prove nothing.
      expect(Math.min(seen.gaps, seen.repeats)).toBeGreaterThan(1)
      expect(changes.length).toBeGreaterThan(FULL ? 2500 : 100)
    },
  )

  it.each([
    ['Australia/Lord_Howe', 'half an hour'],
    ['Antarctica/Troll', 'two hours'],
    ['America/Nuuk', 'the hour before midnight'],
    ['Africa/Casablanca', 'Ramadan'],
    ['Asia/Gaza', 'Ramadan'],
    ['Pacific/Chatham', '45 minutes past'],
    ['Africa/Cairo', 'midnight'],
    ['America/St_Johns', 'half hour offset'],
    ['America/Havana', 'midnight'],
    ['Asia/Beirut', 'midnight'],
    ['America/Santiago', 'midnight'],
    ['America/New_York', 'plain'],
    ['Europe/Berlin', 'plain'],
  ])('agrees at two changes of %s (%s)', (zone) => {
    const random = new Random(seed)
    const changes = changesOf(zone, Date.UTC(2024, 0), Date.UTC(2036, 0))
    for (const shift of [-1, 1]) {
      const change = random.pick(changes.filter((one) => Math.sign(one.shiftMinutes) === shift))
      const taken = filmAround(change)
      for (let count = 0; count < 25; count++) compare(random, change, taken)
    }
  })

  it.each([
    ['Pacific/Apia', '2011-12-30T10:00:00Z'],
    ['Antarctica/Casey', '2020-10-03T16:00:00Z'],
    ['Asia/Pyongyang', '2018-05-04T15:00:00Z'],
    ['America/Caracas', '2016-05-01T07:00:00Z'],
    ['Pacific/Kwajalein', '1993-08-20T12:00:00Z'],
    ['Europe/Volgograd', '2020-12-26T23:00:00Z'],
  ])('agrees at the rule change of %s', (zone, instant) => {
    const random = new Random(seed)
    const near = Date.parse(instant)
    const change = changesOf(zone, near - 48 * HOUR_MS, near + 48 * HOUR_MS)[0]
    if (change === undefined) throw new Error(`${zone} has no change near ${instant}`)
    const taken = filmAround(change)
    for (let count = 0; count < 40; count++) compare(random, change, taken)
  })
})
