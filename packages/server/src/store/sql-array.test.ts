import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sqlArray } from './sql-array.ts'

describe('sqlArray', () => {
  it('writes plain values as one literal', () => {
    expect(sqlArray(['run_1', 'server-down', null])).toBe('{run_1,server-down,NULL}')
    expect(sqlArray([1780315200.5, -1, 1e21, null])).toBe('{1780315200.5,-1,1e+21,NULL}')
    expect(sqlArray([true, false])).toBe('{true,false}')
    expect(sqlArray([])).toBe('{}')
  })

  it.each(['', 'NULL', 'null', 'a b', 'a,b', '{a}', '"a"', 'a\\b', 'ä', 'a\nb'])('leaves %j to pg', (odd) => {
    expect(sqlArray(['a', odd])).toEqual(['a', odd])
  })

  it('can always be read back', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.string({ maxLength: 5 })), { minLength: 1 }), (values) => {
        const written = sqlArray(values)
        const read =
          typeof written === 'string'
            ? written
                .slice(1, -1)
                .split(',')
                .map((word) => (word === 'NULL' ? null : word))
            : written
        expect(read).toEqual(values)
      }),
      { numRuns: 2000 },
    )
  })
})
