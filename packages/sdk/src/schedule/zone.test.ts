import { describe, expect, it } from 'vitest'
import { changesOf } from '../../../../test/support/schedule/wall.ts'
import { Zone, spansBetween, zoneOf } from './zone.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const FROM = 1000 * DAY_MS
const UNTIL = 1128 * DAY_MS

/** A clock that starts an hour ahead and is set to `after` at `change`. */
function clock(change: number, after: number): (instant: number) => number {
  return (instant) => (instant < change ? HOUR_MS : after)
}

describe('spansBetween', () => {
  it('is one span where nothing changes, with no gap and no repeat at its cut edge', () => {
    expect(spansBetween(() => HOUR_MS, FROM, UNTIL)).toEqual([
      { from: FROM, until: UNTIL, offset: HOUR_MS, shown: FROM + HOUR_MS },
    ])
  })

  it('finds a change to the second', () => {
    const change = FROM + 17 * DAY_MS + 12_345_000
    expect(spansBetween(clock(change, 2 * HOUR_MS), FROM, UNTIL)).toEqual([
      { from: FROM, until: change, offset: HOUR_MS, shown: FROM + HOUR_MS },
      { from: change, until: UNTIL, offset: 2 * HOUR_MS, shown: change + HOUR_MS },
    ])
  })

  it('remembers what was shown just before its edge, so that the repeat goes on over it', () => {
    const change = FROM - HOUR_MS / 2
    expect(spansBetween(clock(change, 0), FROM, UNTIL)).toEqual([
      { from: FROM, until: UNTIL, offset: 0, shown: change + HOUR_MS },
    ])
  })

  it('keeps a gap that begins right at its edge', () => {
    const spans = spansBetween(clock(FROM, 2 * HOUR_MS), FROM, UNTIL)
    expect(spans).toEqual([{ from: FROM, until: UNTIL, offset: 2 * HOUR_MS, shown: FROM + HOUR_MS }])
  })

  it('does not take a gap just before its edge for one of its own', () => {
    const spans = spansBetween(clock(FROM - HOUR_MS, 2 * HOUR_MS), FROM, UNTIL)
    expect(spans).toEqual([{ from: FROM, until: UNTIL, offset: 2 * HOUR_MS, shown: FROM + 2 * HOUR_MS }])
  })

  it('leaves a change at its end to the next one', () => {
    expect(spansBetween(clock(UNTIL, 0), FROM, UNTIL)).toHaveLength(1)
  })
})

describe('Zone', () => {
  it.each(['America/New_York', 'Asia/Gaza', 'Africa/Casablanca', 'Australia/Lord_Howe', 'America/Argentina/Tucuman'])(
    'has the changes of %s that Intl has',
    (name) => {
      const zone = new Zone(name)
      const from = Date.UTC(1996, 0)
      const until = Date.UTC(2056, 0)
      const found: number[] = []
      let span = zone.spanAt(from)
      while (span.until < until) {
        const next = zone.spanAt(span.until)
        expect(next.from).toBe(span.until)
        if (next.offset !== span.offset) found.push(next.from)
        span = next
      }
      const expected = changesOf(name, from, until).map((change) => change.at)
      expect(expected.length).toBeGreaterThan(4)
      expect(found).toEqual(expected)
    },
  )

  it('is the same object for the same name, and the same clock for another spelling', () => {
    expect(zoneOf('Europe/Berlin')).toBe(zoneOf('Europe/Berlin'))
    expect(zoneOf('europe/BERLIN').spanAt(0)).toEqual(zoneOf('Europe/Berlin').spanAt(0))
  })

  it('stays small: forgets when far too much has been looked up, and goes on right', () => {
    const first = zoneOf('Europe/Paris')
    const summer = Date.UTC(2026, 6, 1)
    for (let index = 0; index < 17_000; index += 50) first.spanAt((index - 8000) * 128 * DAY_MS)
    for (let index = 0; index < 2200; index++) zoneOf(mixedCase('Europe/Paris', index))
    expect(zoneOf('Europe/Paris')).not.toBe(first)
    expect(zoneOf('Europe/Paris').spanAt(summer).offset).toBe(2 * HOUR_MS)
  })
})

/** The `index`-th way to write a name with small and capital letters. */
function mixedCase(name: string, index: number): string {
  return name
    .split('')
    .map((letter, bit) => ((index >> bit) & 1 ? letter.toUpperCase() : letter.toLowerCase()))
    .join('')
}
