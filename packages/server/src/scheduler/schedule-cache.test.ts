import { ScheduleError } from '@pandastack/sdk/schedule'
import { describe, expect, it } from 'vitest'
import { ScheduleCache } from './schedule-cache.ts'

describe('ScheduleCache', () => {
  it('parses an expression once', () => {
    const cache = new ScheduleCache(2)
    expect(cache.get('0 8 * * 1')).toBe(cache.get('0 8 * * 1'))
  })

  it('drops the one used longest ago when it is full', () => {
    const cache = new ScheduleCache(2)
    const first = cache.get('1 * * * *')
    const second = cache.get('2 * * * *')
    expect(cache.get('1 * * * *')).toBe(first)
    cache.get('3 * * * *')
    expect(cache.get('1 * * * *')).toBe(first)
    expect(cache.get('2 * * * *')).not.toBe(second)
  })

  it('does not keep what cannot be parsed', () => {
    const cache = new ScheduleCache(2)
    expect(() => cache.get('60 * * * *')).toThrow(ScheduleError)
    expect(() => cache.get('60 * * * *')).toThrow(ScheduleError)
  })
})
