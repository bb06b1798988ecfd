import { expect, it } from 'vitest'
import { matchesAny } from '../../events/pattern.ts'
import { patternColumns } from './event-patterns.ts'

const types = ['a', 'a.b', 'a.b.c', 'a.c', 'b', 'b.a', 'ab', 'a-b', 'a.a.a.c', 'A.b', '__proto__', 'x.y_z.1']
const patterns = ['a', '*', '#', 'a.*', 'a.#', '*.b', '#.c', 'a.#.c', '*.*', '#.a.#', 'a.#.#', '#.*', 'a-b', 'x.y_z.*']

/** As the statements compare them; JavaScript reads these expressions as PostgreSQL does. */
function fits(columns: ReturnType<typeof patternColumns>, type: string): boolean {
  if (columns.exact.includes(type)) return true
  return columns.expression !== null && new RegExp(columns.expression).test(`${type}.`)
}

it.each(patterns)('%s matches the same types as everywhere else', (pattern) => {
  const columns = patternColumns([pattern])
  for (const type of types) expect([type, fits(columns, type)]).toEqual([type, matchesAny([pattern], type)])
})

it('compares whole types without an expression', () => {
  expect(patternColumns(['a.b', 'c'])).toEqual({ exact: ['a.b', 'c'], expression: null })
  const both = patternColumns(['a.b', 'c.*', '#.d'])
  expect(both.exact).toEqual(['a.b'])
  for (const type of ['a.b', 'c.x', 'd', 'x.y.d']) expect(fits(both, type)).toBe(true)
  for (const type of ['a.b.c', 'c', 'c.x.y', 'd.x']) expect(fits(both, type)).toBe(false)
})

it('takes what means something in an expression for itself', () => {
  expect(fits(patternColumns(['a+b.*']), 'a+b.c')).toBe(true)
  expect(fits(patternColumns(['a+b.*']), 'aab.c')).toBe(false)
  expect(fits(patternColumns(['(.*']), '(.x')).toBe(true)
})
