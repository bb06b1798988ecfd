import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppLogPosition, type LoggingInstance, mergeByTime } from './app-log-position.ts'

const id = (nth: number) => `ins_${'0'.repeat(20)}${nth.toString(16).padStart(12, '0')}`
const instance = (nth: number, createdAt = nth): LoggingInstance => ({ id: id(nth), createdAt, over: false })

describe('AppLogPosition', () => {
  it('knows new instances from those that are read to their end, also after a way through its text', () => {
    const first = new AppLogPosition()
    first.meet([instance(1), instance(2, 5), instance(3, 5)])
    expect([1, 2, 3].map((nth) => first.of(id(nth)))).toEqual([0, 0, 0])
    first.reach(id(2), 40)
    first.finish(id(1))
    const again = AppLogPosition.parse(first.toString())
    again.meet([instance(1), instance(2, 5), instance(3, 5), instance(4, 6)])
    expect([1, 2, 3, 4].map((nth) => again.of(id(nth)))).toEqual([null, 40, 0, 0])
    expect(AppLogPosition.parse(new AppLogPosition().toString()).of(id(1))).toBeNull()
  })

  it('is small: instances that are over leave nothing behind', () => {
    const position = new AppLogPosition()
    for (let nth = 1; nth <= 1000; nth += 1) {
      position.meet([instance(nth)])
      position.reach(id(nth), 123_456)
      if (nth > 2) position.finish(id(nth - 2))
    }
    expect(position.toString().length).toBeLessThan(80)
  })

  it.each(['', '7', '1', '1.', 'ins_1:5', '1.00000000000g-1.5', '1.000000000001-1', `1.${'0'.repeat(12)}-1x.5`])(
    'refuses %s',
    (text) => {
      expect(() => AppLogPosition.parse(text)).toThrow('not the id of a line of an app')
    },
  )
})

describe('mergeByTime', () => {
  const line = fc.record({ time: fc.integer({ min: 0, max: 9 }).map(String) })
  const lists = fc.array(fc.array(line, { maxLength: 6 }), { maxLength: 4 })

  it('keeps the order of each list, and all of it', () => {
    fc.assert(
      fc.property(lists, (given) => {
        const named = given.map((list, of) => list.map((one, nth) => ({ ...one, of, nth })))
        const merged = mergeByTime(named)
        expect(merged).toHaveLength(named.flat().length)
        for (const [of, list] of named.entries()) expect(merged.filter((one) => one.of === of)).toEqual(list)
      }),
    )
  })

  it('is by time where each list is', () => {
    fc.assert(
      fc.property(lists, (given) => {
        const sorted = given.map((list) => list.toSorted((a, b) => a.time.localeCompare(b.time)))
        const times = mergeByTime(sorted).map(({ time }) => time)
        expect(times).toEqual(times.toSorted((a, b) => a.localeCompare(b)))
      }),
    )
  })
})
