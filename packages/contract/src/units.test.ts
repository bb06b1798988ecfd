import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, MAX_DURATION_MS, parseDuration } from './duration.ts'
import { formatSize, parseSize } from './size.ts'

describe('durations', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })

  it.each(['', '5', 's', '5 m', '-5m', '1.5h', '5M', '5min', '1h 30m', '99999999d', '367d', '5m\n', '1'.repeat(50)])(
    'refuses %j',
    (text) => {
      expect(() => parseDuration(text)).toThrow(RangeError)
    },
  )

  it('writes the shortest exact form, which reads back as the same', () => {
    expect(formatDuration(90_000)).toBe('1m30s')
    expect(formatDuration(0)).toBe('0s')
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (ms) => parseDuration(formatDuration(ms)) === ms),
    )
  })
})

describe('sizes', () => {
  it.each([
    ['1024', 1024],
    ['512Mi', 536_870_912],
    ['512m', 536_870_912],
    ['512MB', 536_870_912],
    ['1g', 1_073_741_824],
    ['64Ki', 65_536],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it.each(['', 'Mi', '1.5Gi', '-1', '1 Mi', '1Ti', '999999999999999Gi', '1e3'])('refuses %j', (text) => {
    expect(() => parseSize(text)).toThrow(RangeError)
  })

  it('reads back what it writes', () => {
    expect(formatSize(536_870_912)).toBe('512Mi')
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (bytes) => parseSize(formatSize(bytes)) === bytes))
  })
})
