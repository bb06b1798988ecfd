import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomExpression } from '../../../../test/support/schedule/random-expression.ts'
import { Random, testSeed } from '../../../../test/support/schedule/random.ts'
import { wallClock } from '../../../../test/support/schedule/wall.ts'
import {
  assertFires,
  assertTimeZone,
  minIntervalMs,
  nextTick,
  nextTime,
  parseSchedule,
  ScheduleError,
  ticksBetween,
} from './index.ts'

/** fast-check prints its own seed with a failure; `PANDA_SEED` repeats it. */
const FULL = process.env['PANDA_FULL'] === '1'
const options = { seed: testSeed(), numRuns: FULL ? 30_000 : 3000 }
const PARSE_LIMIT_MS = 5

/** Text made of what cron fields are made of, so that it gets far into the parser. */
const PIECES = [
  '*',
  '0',
  '1',
  '5',
  '12',
  '31',
  '59',
  '60',
  '/',
  '-',
  ',',
  '#',
  '?',
  'L',
  'W',
  'LW',
  'mon',
  'FRI',
  'jan',
  '.',
  'x',
]
const field = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('*', '0', '*/5', '1-5', '1,2') },
  {
    weight: 1,
    arbitrary: fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 7 }).map((parts) => parts.join('')),
  },
)
const cronish = fc.oneof(
  fc.array(field, { minLength: 4, maxLength: 7 }).map((fields) => fields.join(' ')),
  fc
    .array(fc.constantFrom(...PIECES, ' ', '\t', '@', '@every', '@hourly', 'TZ='), { maxLength: 40 })
    .map((parts) => parts.join('')),
)
const anyText = fc.oneof(
  cronish,
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ minLength: 500, maxLength: 5000 }),
)
const zone = fc.constantFrom('UTC', ...Intl.supportedValuesOf('timeZone'))
const instant = fc.integer({ min: Date.UTC(1970, 0), max: Date.UTC(2100, 0) })
const expression = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 31 }), instant)
  .map(([seed, near]) => randomExpression(new Random(seed), wallClock('UTC')(near)))

/** True when it was taken, false when it was refused properly. */
function taken(act: () => unknown): boolean {
  try {
    act()
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(ScheduleError)
    expect((error as ScheduleError).message.length).toBeLessThan(400)
    return false
  }
}

function parseMs(text: string): number {
  const before = performance.now()
  taken(() => parseSchedule(text))
  return performance.now() - before
}

describe('fuzz', { timeout: FULL ? 600_000 : 30_000 }, () => {
  it('the parser takes or refuses any text, in time', () => {
    let accepted = 0
    const suspects: string[] = []
    fc.assert(
      fc.property(anyText, (text) => {
        const before = performance.now()
        if (taken(() => parseSchedule(text))) accepted++
        if (performance.now() - before > PARSE_LIMIT_MS) suspects.push(text)
      }),
      options,
    )
    // A slow text is slow every time; a busy machine is not.
    for (const text of suspects)
      expect(Math.min(...[1, 2, 3, 4, 5].map(() => parseMs(text))), text).toBeLessThan(PARSE_LIMIT_MS)
    // A fuzz that is always refused would not get past the first check.
    expect(accepted).toBeGreaterThan(options.numRuns / 300)
  })

  it('what the parser takes can be evaluated, and is taken again from its own text', () => {
    fc.assert(
      fc.property(fc.oneof(cronish, expression), instant, (text, after) => {
        if (!taken(() => parseSchedule(text))) return
        const schedule = parseSchedule(text)
        expect(parseSchedule(schedule.expression)).toEqual(schedule)
        const at = nextTime(schedule, 'Europe/Berlin', after)
        if (taken(() => assertFires(schedule))) expect(at).toBeGreaterThan(after)
        else expect(at).toBeNull()
      }),
      options,
    )
  })

  it('zone names are taken or refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.mixedCase(zone)), (name) => {
        taken(() => expect(assertTimeZone(name).toLowerCase()).toBe(name.toLowerCase()))
      }),
      { ...options, numRuns: 500 },
    )
  })

  it('ticks strictly increase, are the same by every way, and lie on whole seconds', () => {
    fc.assert(
      fc.property(expression, zone, instant, (text, name, after) => {
        const schedule = parseSchedule(text)
        let at = after
        const ticks = []
        for (let count = 0; count < 5; count++) {
          const tick = nextTick(schedule, name, at)
          expect(tick?.at ?? null).toBe(nextTime(schedule, name, at))
          if (tick === null) break
          expect(tick.at).toBeGreaterThan(at)
          expect(tick.at % 1000).toBe(0)
          // Nothing lies between: the instant just before gives the same tick.
          expect(nextTime(schedule, name, tick.at - 1)).toBe(tick.at)
          ticks.push(tick)
          at = tick.at
        }
        if (ticks.length > 0) expect([...ticksBetween(schedule, name, after, at)]).toEqual(ticks)
        expect(minIntervalMs(schedule, name, after)).toBeGreaterThan(0)
      }),
      options,
    )
  })
})
