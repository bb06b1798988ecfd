import { PandaError } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { encodeCursor, idPage, pageRequest } from './page.ts'

describe('a page', () => {
  it('ends with a cursor only when there is more', () => {
    const rows = [{ id: 'a' }, { id: 'b' }, { id: 'c' }]
    const id = (row: { id: string }) => row.id
    const page = idPage(rows, { limit: 2, after: null }, id)
    expect(page.items).toEqual(['a', 'b'])
    expect(pageRequest({ limit: 2, cursor: page.nextCursor ?? '' })).toEqual({ limit: 2, after: 'b' })
    expect(idPage(rows, { limit: 3, after: null }, id)).toEqual({ items: ['a', 'b', 'c'], nextCursor: null })
    expect(idPage([], { limit: 3, after: 'z' }, id)).toEqual({ items: [], nextCursor: null })
  })

  it('takes no cursor that it did not make', () => {
    for (const cursor of ['', 'abc', 'MTph!', encodeCursor('a\0b'), encodeCursor('x'.repeat(500))]) {
      if (cursor === 'MTph!') expect(pageRequest({ limit: 1, cursor }).after).toBe('a')
      else expect(() => pageRequest({ limit: 1, cursor })).toThrow(PandaError)
    }
  })
})
