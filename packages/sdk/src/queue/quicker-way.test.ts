import { expect, test } from 'vitest'
import { QuickerWay } from './quicker-way.ts'

/** @returns how many of `count` times it went apart */
function times(way: QuickerWay, count: number, apartMs: number, togetherMs: number): number {
  let apart = 0
  for (let n = 0; n < count; n += 1) {
    if (way.apart) apart += 1
    way.took(way.apart ? apartMs : togetherMs)
  }
  return apart
}

test('both ways are tried, and then the quicker one is taken, the other one in a block of 16', () => {
  const way = new QuickerWay()
  expect(times(way, 4, 1, 2)).toBe(0)
  expect(times(way, 4, 1, 2)).toBe(4)
  expect(times(way, 1280, 1, 2)).toBe(1280 - 80)
})

test('a way that saves little is not taken: it is one call more', () => {
  const way = new QuickerWay()
  times(way, 8, 9, 10)
  expect(times(way, 1280, 9, 10)).toBe(80)
})

test('when the disk gets slower or the machine busier it changes its mind', () => {
  const way = new QuickerWay()
  times(way, 200, 3, 2)
  expect(way.apart).toBe(false)
  times(way, 2000, 1, 5)
  expect(times(way, 128, 1, 5)).toBe(120)
  times(way, 2000, 9, 5)
  expect(times(way, 128, 9, 5)).toBe(8)
})

test('the first measurement after a change counts for neither', () => {
  const way = new QuickerWay()
  for (const ms of [1, 10, 10, 10]) way.took(ms)
  expect(way.apart).toBe(true)
  for (const ms of [100, 1, 1, 1]) way.took(ms)
  expect(way.apart).toBe(true)
})

test('one that takes very long for reasons of its own changes nothing', () => {
  const way = new QuickerWay()
  times(way, 200, 1, 2)
  for (const ms of [1, 900, 1, 1]) way.took(ms)
  expect(way.apart).toBe(true)
})
