import { expect, test } from 'vitest'
import { durationMs, durationText } from '../duration.ts'
import { Buffer } from './buffer.ts'
import type { ClaimedJob } from './driver.ts'
import { Prefetch } from './prefetch.ts'
import { backoffMs, planBackoff } from './retry-policy.ts'
import { decodeError, encodeError } from './stored-error.ts'
import { ulid } from './ulid.ts'

test('ulids sort by their making, also within a millisecond and when the clock goes back', () => {
  const ids = Array.from({ length: 5000 }, (_, n) => ulid(n < 4000 ? 1_700_000_000_000 : 1_600_000_000_000))
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids).size).toBe(5000)
  expect(ids[0]).toMatch(/^01hf7yat00[0-9a-hjkmnp-tv-z]{16}$/)
})

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['1.5h', 5_400_000],
  ['2d', 172_800_000],
  [250, 250],
])('duration %s', (text, ms) => {
  expect(durationMs(text, 'x')).toBe(ms)
})

test.each(['', '5', '5 s', '-1s', 'PT5S', -1, Number.NaN])('no duration: %s', (text) => {
  expect(() => durationMs(text, 'delay')).toThrow('delay must be a duration')
})

test.each([
  [0, '0ms'],
  [-5, '0ms'],
  [999.4, '999ms'],
  [1000, '1s'],
  [61_500, '1m1s'],
  [7_500_000, '2h5m'],
  [3_600_000, '1h'],
  [90_061_000, '1d1h'],
])('%d ms is shown to people as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})

test('backoff grows by its factor up to its bound, with jitter around it', () => {
  const plan = planBackoff({ delay: '1s', factor: 3, max: '10s', jitter: 0.5 })
  expect([1, 2, 3, 4].map((failures) => backoffMs(plan, failures, 0.5))).toEqual([1000, 3000, 9000, 10_000])
  expect([0, 0.999_999].map((random) => backoffMs(plan, 1, random))).toEqual([500, 1500])
  expect(backoffMs(planBackoff({ kind: 'fixed', delay: 70, jitter: 0 }), 9, 0.1)).toBe(70)
})

test('anything that is thrown can be stored', () => {
  const circular: { self?: unknown } = {}
  circular.self = circular
  for (const thrown of [new TypeError('t'), 'text', 7, null, undefined, { a: 1 }, circular, Symbol('s')]) {
    expect(decodeError(encodeError(thrown, 5))).toMatchObject({ message: expect.any(String), at: 5 })
  }
  expect(decodeError(encodeError(new TypeError('t'), 5))).toMatchObject({ name: 'TypeError', message: 't' })
  expect(encodeError(new Error('x'.repeat(100_000)), 0).length).toBeLessThan(20_000)
  expect(decodeError('not json')).toMatchObject({ message: 'not json' })
})

test('prefetch grows with a fast handler, twofold at most, and is nothing for a slow one', () => {
  const prefetch = new Prefetch(1, null)
  expect(prefetch.size(0, false)).toBe(0)
  const sizes: number[] = []
  for (let i = 0; i < 9; i += 1) {
    prefetch.measured(32, 0.32)
    sizes.push(prefetch.size(0, false))
  }
  expect(sizes).toEqual([8, 16, 32, 64, 128, 256, 512, 1000, 1000])
  expect(prefetch.size(0, true)).toBe(0)
  prefetch.measured(1, 100)
  expect(prefetch.size(0, false)).toBe(0)
})

test('prefetch is about 20 ms of work, and nothing for 10 s after a job of a group', () => {
  const prefetch = new Prefetch(10, null)
  for (let i = 0; i < 20; i += 1) prefetch.measured(10, 20)
  expect(prefetch.size(0, false)).toBe(100)
  prefetch.sawGroup(0)
  expect(prefetch.size(9_999, false)).toBe(0)
  expect(prefetch.size(10_000, false)).toBe(100)
})

test('the buffer gives jobs in order and drops what was received before a time', () => {
  const job = (id: string): ClaimedJob => ({ id }) as ClaimedJob
  const buffer = new Buffer()
  buffer.push([job('a'), job('b')], 1)
  buffer.push([job('c')], 2)
  expect(buffer.shift()?.id).toBe('a')
  expect(buffer.ids()).toEqual(['b', 'c'])
  expect(buffer.take(2).map((one) => one.id)).toEqual(['b'])
  expect([buffer.length, buffer.shift()?.id, buffer.shift()]).toEqual([1, 'c', undefined])
})
