import { describe, expect, it } from 'vitest'
import { CliError } from '../errors.ts'
import { parseFrom } from './parse-from.ts'
import { parseRate } from './parse-rate.ts'

const NOW = new Date('2026-05-01T08:00:00Z')

describe('parseRate', () => {
  it.each([
    ['50/s', 50],
    ['50', 50],
    ['600/m', 10],
    ['1800/h', 0.5],
  ])('reads %s', (text, rate) => expect(parseRate(text)).toBe(rate))
  it.each(['', '0/s', '-1', '5/d', 'fast', '1.5/s'])('refuses "%s"', (text) =>
    expect(() => parseRate(text)).toThrow(CliError),
  )
})

describe('parseFrom', () => {
  it.each([
    ['1042', '1042'],
    ['2h', '2026-05-01T06:00:00.000Z'],
    ['2026-05-01T07:00:00+02:00', '2026-05-01T05:00:00.000Z'],
  ])('reads %s', (text, from) => expect(parseFrom(text, NOW)).toBe(from))
  it.each(['soon', '2h30', '-3'])('refuses "%s"', (text) => expect(() => parseFrom(text, NOW)).toThrow(CliError))
})
