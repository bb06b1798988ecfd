import { describe, expect, it } from 'vitest'
import type { Clock } from '../queue/clock.ts'
import { changeLetters } from './change-letters.ts'
import type { LetterSource } from './change-letters.ts'

/** Dead letters in memory; `changes` has each call. */
class Letters implements LetterSource {
  readonly changes: (readonly string[])[] = []
  readonly #letters: { id: string; type: string }[]

  constructor(count: number) {
    this.#letters = Array.from({ length: count }, (_, n) => ({ id: `l${n}`, type: n % 2 === 0 ? 'even' : 'odd' }))
  }

  page(query: { limit: number; cursor?: string; type?: string }) {
    const from = Number(query.cursor ?? 0)
    const fitting = this.#letters.filter(({ type }) => query.type === undefined || type === query.type)
    const ids = fitting.slice(from, from + query.limit).map(({ id }) => id)
    return Promise.resolve({ ids, cursor: from + query.limit < fitting.length ? String(from + query.limit) : null })
  }

  change(ids: readonly string[]) {
    this.changes.push(ids)
    return Promise.resolve(
      ids.map((id) => (this.#letters.some((each) => each.id === id) ? ('done' as const) : ('not-found' as const))),
    )
  }
}

/** Time goes on only by what is waited for. */
function jumpingClock(): Clock & { waits: number[] } {
  let now = 1000
  const waits: number[] = []
  return {
    waits,
    now: () => now,
    wall: () => now,
    after(ms, call) {
      waits.push(ms)
      now += ms
      queueMicrotask(call)
      return () => undefined
    },
  }
}

describe('changeLetters', () => {
  it('takes all that fit, in pages and chunks, oldest first', async () => {
    const letters = new Letters(2500)
    expect(await changeLetters(letters, {})).toEqual({ done: 2500, missing: 0, total: 2500 })
    expect(letters.changes.map(({ length }) => length)).toEqual([500, 500, 500, 500, 500])
    expect(letters.changes.flat()).toEqual(Array.from({ length: 2500 }, (_, n) => `l${n}`))
  })

  it('takes only those of a type, and at most so many', async () => {
    const letters = new Letters(10)
    expect(await changeLetters(letters, { type: 'odd', limit: 3 })).toEqual({ done: 3, missing: 0, total: 3 })
    expect(letters.changes).toEqual([['l1', 'l3', 'l5']])
  })

  it('says which of the named ones were gone', async () => {
    const letters = new Letters(2)
    const seen: unknown[] = []
    const result = await changeLetters(letters, { ids: ['l1', 'gone'] }, { onProgress: (each) => seen.push(each) })
    expect(result).toEqual({ done: 1, missing: 1, total: 2 })
    expect(seen).toEqual([result])
  })

  it.each([
    [50, 120, [50, 50, 20], [1000, 1000]],
    [0.5, 3, [1, 1, 1], [2000, 2000]],
    [2.5, 5, [2, 2, 1], [800, 800]],
  ])('keeps to %d a second', async (ratePerSecond, count, chunks, waits) => {
    const letters = new Letters(count)
    const clock = jumpingClock()
    await changeLetters(letters, {}, { ratePerSecond, clock })
    expect(letters.changes.map(({ length }) => length)).toEqual(chunks)
    expect(clock.waits.map(Math.round)).toEqual(waits)
  })

  it('stops behind the chunk that is being changed', async () => {
    const letters = new Letters(100)
    const stop = new AbortController()
    const options = { ratePerSecond: 10, signal: stop.signal, clock: jumpingClock(), onProgress: () => stop.abort() }
    expect(await changeLetters(letters, {}, options)).toEqual({ done: 10, missing: 0, total: 100 })
  })

  it.each([0, -1, Number.NaN])('refuses a rate of %d', async (ratePerSecond) => {
    await expect(changeLetters(new Letters(1), {}, { ratePerSecond })).rejects.toMatchObject({ code: 'invalid_option' })
  })
})
