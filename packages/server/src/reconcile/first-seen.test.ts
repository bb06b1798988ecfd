import { expect, it } from 'vitest'
import { FirstSeen } from './first-seen.ts'

it('counts from the first time as long as it is named each time', () => {
  const seen = new FirstSeen()
  expect(seen.ageMs('a', 5)).toBe(0)
  seen.update(['a'], 10)
  seen.update(['a', 'b'], 20)
  expect([seen.ageMs('a', 30), seen.ageMs('b', 30)]).toEqual([20, 10])
  expect([...seen.olderThan(15, 30)]).toEqual(['a'])
  seen.update(['b'], 40)
  seen.update(['a', 'b'], 50)
  expect([seen.ageMs('a', 60), seen.ageMs('b', 60)]).toEqual([10, 40])
})
