import { describe, expect, it } from 'vitest'
import { nextTick, nextTime, parseSchedule, ticksBetween } from './index.ts'
import type { Schedule } from './index.ts'

const MAX_INSTANT = 8.64e15
const BLOCK_LIMIT_MS = 5

describe('the edges of time', () => {
  it.each(['UTC', 'America/New_York', 'Pacific/Apia'])('ends where Date ends (%s)', (zone) => {
    const minutely = parseSchedule('* * * * *')
    const daily = parseSchedule('30 2 * * *')
    for (const schedule of [minutely, daily]) {
      expect(nextTime(schedule, zone, MAX_INSTANT)).toBeNull()
      expect(nextTime(schedule, zone, Number.MAX_VALUE)).toBeNull()
      expect(nextTime(schedule, zone, MAX_INSTANT - 3 * 86_400_000)).toBeLessThanOrEqual(MAX_INSTANT)
      expect(nextTime(schedule, zone, -Number.MAX_VALUE)).toBeGreaterThan(-MAX_INSTANT)
    }
    expect(nextTime(minutely, zone, MAX_INSTANT - 60_000)).toBe(MAX_INSTANT)
    expect(nextTime(daily, zone, MAX_INSTANT - 60_000)).toBeNull()
  })

  it('is strictly later, to the millisecond', () => {
    const schedule = parseSchedule('0 8 * * *')
    const at = Date.parse('2026-01-01T08:00:00Z')
    expect(nextTime(schedule, 'UTC', at - 1)).toBe(at)
    expect(nextTime(schedule, 'UTC', at - 0.5)).toBe(at)
    expect(nextTime(schedule, 'UTC', at)).toBe(at + 86_400_000)
    expect(nextTime(schedule, 'UTC', at + 0.5)).toBe(at + 86_400_000)
  })

  it('knows the offsets with seconds of the time before standard time', () => {
    // New York's own noon: 4 h 56 min 2 s behind Greenwich until 18 November 1883.
    const schedule = parseSchedule('0 12 * * *')
    expect(nextTime(schedule, 'America/New_York', Date.parse('1883-11-16T00:00:00Z'))).toBe(
      Date.parse('1883-11-16T16:56:02Z'),
    )
  })

  it('refuses a time that is none, and a schedule that is not ours', () => {
    const schedule = parseSchedule('* * * * *')
    for (const after of [Number.NaN, Infinity, -Infinity])
      expect(() => nextTime(schedule, 'UTC', after)).toThrow(RangeError)
    const copy: Schedule = { ...schedule }
    expect(() => nextTime(copy, 'UTC', 0)).toThrow(TypeError)
  })
})

describe('ticksBetween', () => {
  const schedule = parseSchedule('0 * * * *')
  const at = (iso: string) => Date.parse(iso)

  it('leaves out its start and takes in its end', () => {
    const ticks = [...ticksBetween(schedule, 'UTC', at('2026-01-01T00:00:00Z'), at('2026-01-01T03:00:00Z'))]
    expect(ticks.map((tick) => tick.local)).toEqual([
      '2026-01-01T01:00:00',
      '2026-01-01T02:00:00',
      '2026-01-01T03:00:00',
    ])
    expect([...ticksBetween(schedule, 'UTC', at('2026-01-01T03:00:00Z'), at('2026-01-01T03:00:00Z'))]).toEqual([])
  })

  it('is lazy', () => {
    const found: number[] = []
    for (const tick of ticksBetween(parseSchedule('* * * * * *'), 'UTC', 0, MAX_INSTANT)) {
      found.push(tick.at)
      if (found.length === 3) break
    }
    expect(found).toEqual([1000, 2000, 3000])
  })

  it('ends with a schedule that never fires', () => {
    expect(nextTick(parseSchedule('0 0 30 2 *'), 'Europe/Berlin', 0)).toBeNull()
    expect([...ticksBetween(parseSchedule('0 0 30 2 *'), 'Europe/Berlin', 0, 1e12)]).toEqual([])
  })
})

describe('it never blocks', () => {
  it.each([
    ['0 0 30 2 *', 'America/New_York'],
    ['*/7 * 30 2 *', 'America/New_York'],
    ['0 0 29 2 *', 'Pacific/Chatham'],
    ['0 * * * *', 'Australia/Lord_Howe'],
    ['53 * * * *', 'Pacific/Chatham'],
    ['* * * * * *', 'Africa/Casablanca'],
    ['0 0 1W,3W,5W,29W,30W,31W,LW,L-30 2 5#5,6#5', 'Asia/Gaza'],
  ])('on %s in %s', (expression, zone) => {
    const schedule = parseSchedule(expression)
    nextTime(schedule, zone, 0)
    const taken: number[] = []
    // Each start is 11 years on, where nothing has been looked up; the median leaves the machine's own pauses aside.
    for (let step = 0; step < 21; step++) {
      const before = performance.now()
      nextTick(schedule, zone, Date.UTC(1950 + step * 11, 1, 3))
      taken.push(performance.now() - before)
    }
    taken.sort((a, b) => a - b)
    expect(taken[10]).toBeLessThan(BLOCK_LIMIT_MS)
  })
})
