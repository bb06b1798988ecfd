import { expect, test } from 'vitest'
import { matches } from './pattern.ts'

test.each([
  ['a.b', 'a.b', true],
  ['a.b', 'a.c', false],
  ['a.*', 'a.b', true],
  ['a.*', 'a', false],
  ['a.*', 'a.b.c', false],
  ['#', 'a.b.c', true],
  ['a.#', 'a', true],
  ['a.#', 'a.b.c', true],
  ['a.#', 'b.a', false],
  ['#.c', 'c', true],
  ['#.c', 'a.b.c', true],
  ['a.#.c', 'a.c', true],
  ['a.#.*', 'a', false],
  ['#.#.*', 'a', true],
  ['*.*', 'a.b', true],
])('%s on %s: %s', (pattern, type, expected) => {
  expect(matches(pattern, type)).toBe(expected)
})

test('many # take no long time', () => {
  const pattern = Array.from({ length: 60 }, () => '#.a').join('.')
  expect(matches(pattern, `${'a.'.repeat(120)}b`)).toBe(false)
})
