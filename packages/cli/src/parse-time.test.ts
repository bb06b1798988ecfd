import { parseDuration } from '@pandastack/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseMoment, parseSince, parseSpan } from './parse-time.ts'

const now = new Date('2026-05-01T12:00:00Z')

describe('parseSpan', () => {
  it('reads durations as the contract does', () => {
    const part = fc.tuple(fc.integer({ min: 0, max: 500 }), fc.constantFrom('ms', 's', 'm', 'h'))
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const text = parts.map(([count, unit]) => `${count}${unit}`).join('')
        expect(parseSpan(text, '--timeout')).toBe(parseDuration(text))
      }),
    )
  })
  it.each(['', '5', 'm', '-5m', '5 m', '1.5h', '5min'])('refuses %j and names the option', (text) =>
    expect(() => parseSpan(text, '--timeout')).toThrow('--timeout'),
  )
})

describe('parseSince', () => {
  it('reads how long ago and RFC 3339', () => {
    expect(parseSince('10m', '--since', now)).toBe('2026-05-01T11:50:00.000Z')
    expect(parseSince('2026-04-30T10:00:00+02:00', '--since', now)).toBe('2026-04-30T08:00:00.000Z')
    expect(parseSince('2026-04-30', '--since', now)).toBe('2026-04-30T00:00:00.000Z')
  })
  it.each(['yesterday', '', '2026-13-01', '2026-04-30T10:00', '10'])('refuses %j', (text) =>
    expect(() => parseSince(text, '--since', now)).toThrow('--since'),
  )
})

it('takes no duration where a moment is meant', () =>
  expect(() => parseMoment('10m', '--from')).toThrow('is not a time'))
