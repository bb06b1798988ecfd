import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { didYouMean, editDistance, nearest } from './suggest.ts'

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['create', 'craete', 1],
    ['lst', 'list', 1],
  ])('%s → %s is %i', (a, b, distance) => expect(editDistance(a, b)).toBe(distance))

  it('is symmetric, 0 only for equal words, and at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 }), (a, b) => {
        const distance = editDistance(a, b)
        expect(distance).toBe(editDistance(b, a))
        expect(distance === 0).toBe(a === b)
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
      }),
    )
  })
})

describe('suggestions', () => {
  const names = ['weekly-digest', 'weekly-report', 'cleanup', 'sync']

  it('finds typing errors, nearest first', () => {
    expect(nearest('weekly-digset', names)).toEqual(['weekly-digest'])
    expect(nearest('cleenup', names)).toEqual(['cleanup'])
  })

  it('finds beginnings', () => expect(nearest('weekly', names)).toEqual(['weekly-digest', 'weekly-report']))

  it('offers nothing for what is far from all', () => {
    expect(nearest('database', names)).toEqual([])
    expect(didYouMean('database', names)).toBeUndefined()
  })

  it('does not offer the word itself', () => expect(nearest('sync', names)).toEqual([]))

  it('reads as a question', () => {
    expect(didYouMean('cleenup', names)).toBe('Did you mean "cleanup"?')
    expect(didYouMean('weekly', names, 'x ')).toBe('Did you mean "x weekly-digest" or "x weekly-report"?')
  })
})
