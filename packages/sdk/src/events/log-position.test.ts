import { describe, expect, it } from 'vitest'
import { logPosition } from './log-position.ts'
import { findNamespace } from './namespace.ts'

const NOW = Date.parse('2026-05-01T08:00:00Z')

describe('logPosition', () => {
  it.each([
    ['2h', { time: NOW - 7_200_000 }],
    ['1.5m', { time: NOW - 90_000 }],
    ['1042', { offset: 1042 }],
    [{ offset: 0 }, { offset: 0 }],
    [new Date(NOW), { time: NOW }],
    ['2026-05-01T08:00:00Z', { time: NOW }],
    ['2026-05-01T10:00:00.000+02:00', { time: NOW }],
    ['2026-05-01', { time: Date.parse('2026-05-01T00:00:00Z') }],
  ])('reads %j', (from, position) => expect(logPosition(from, NOW)).toEqual(position))

  it.each(['', 'yesterday', '2h ago', '-1', { offset: -1 }, { offset: 1.5 }, new Date('x'), '2026-13-01T00:00:00Z'])(
    'refuses %j',
    (from) => expect(() => logPosition(from, NOW)).toThrow(expect.objectContaining({ code: 'invalid_option' })),
  )
})

describe('findNamespace', () => {
  it('takes what is given, else the environment, else nothing', () => {
    expect(findNamespace('a', { PANDA_EVENTS_NAMESPACE: 'b' })).toEqual({ prefix: 'a' })
    expect(findNamespace(undefined, { PANDA_EVENTS_NAMESPACE: 'b' })).toEqual({ prefix: 'b' })
    expect(findNamespace(undefined, {})).toEqual({})
    expect(findNamespace('', {})).toEqual({})
  })
})
