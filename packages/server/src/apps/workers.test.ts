import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { areReady, drainOf, type Told, waitedFor, withWord, type Workers } from './workers.ts'

const heard = (...words: readonly Told[]): Workers => words.reduce<Workers>(withWord, {})
const A = { of: 'queue a', worker: '1.1' }
const B = { of: 'queue b', worker: '1.2' }
const starting = (who: object): Told => ({ kind: 'starting', ...who })
const registered = (who: object = {}): Told => ({ kind: 'registered', ...who })
const draining = (who: object, held: number): Told => ({ kind: 'draining', ...who, held })
const drained = (who: object, finished: number, handedBack: number): Told => ({
  kind: 'drained',
  ...who,
  finished,
  handedBack,
})

describe('an instance is ready', () => {
  it('when all that start have registered, and at least one has', () => {
    expect(areReady(heard())).toBe(false)
    expect(areReady(heard(starting(A)))).toBe(false)
    expect(areReady(heard(starting(A), starting(B), registered(A)))).toBe(false)
    expect(areReady(heard(starting(A), starting(B), registered(A), registered(B)))).toBe(true)
  })

  it('by the word of an older SDK, which names no worker', () => {
    expect(areReady(heard(registered()))).toBe(true)
  })

  it('also when a worker was closed before it registered, if another one has', () => {
    expect(areReady(heard(starting(A), starting(B), registered(B), drained(A, 0, 0)))).toBe(true)
    expect(areReady(heard(starting(A), drained(A, 0, 0)))).toBe(false)
  })

  it('still, when a worker registers again or starts later', () => {
    const ready = heard(starting(A), registered(A))
    expect(withWord(ready, registered(A))).toEqual(ready)
    expect(withWord(ready, starting(A))).toEqual(ready)
  })

  it('when a process that ended before it registered has a successor that has', () => {
    const successor = { ...A, worker: '2.1' }
    expect(areReady(heard(starting(A), starting(successor), registered(successor)))).toBe(true)
    expect(waitedFor(heard(starting(A), starting(successor), starting(B)))).toEqual(['queue a', 'queue b'])
  })
})

describe('what was drained', () => {
  it('is not told by who says nothing, or has only registered', () => {
    expect(drainOf(heard(registered(A)))).toEqual({ held: null, finished: null, handedBack: null })
  })

  it('is added up over workers, with what was held and never came', () => {
    const workers = heard(registered(A), draining(A, 3), draining(B, 2), drained(A, 2, 1))
    expect(drainOf(workers)).toEqual({ held: 5, finished: 2, handedBack: 1 })
  })

  it('counts a line that is read twice once', () => {
    const word = fc.constantFrom(
      starting(A),
      registered(A),
      draining(A, 3),
      drained(A, 2, 1),
      starting(B),
      draining(B, 4),
      drained(B, 4, 0),
    )
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const once = heard(...words)
        expect(words.reduce<Workers>(withWord, once)).toEqual(once)
      }),
    )
  })

  it('of an older SDK is added up, without what was held', () => {
    expect(drainOf(heard(registered(), drained({}, 2, 1), drained({}, 1, 0)))).toEqual({
      held: null,
      finished: 3,
      handedBack: 1,
    })
  })
})

it('takes no more workers than anybody needs', () => {
  const many = Array.from({ length: 1000 }, (_, nth) => starting({ of: 'queue a', worker: `1.${nth}` }))
  expect(Object.keys(heard(...many))).toHaveLength(200)
})
