import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ulidOf, uuidOf } from './ids.ts'

const digit = fc.constantFrom(...'0123456789abcdefghjkmnpqrstvwxyz'.split(''))
const ulid = fc
  .tuple(fc.constantFrom(...'01234567'.split('')), fc.array(digit, { minLength: 25, maxLength: 25 }))
  .map(([first, rest]) => `${first}${rest.join('')}`)

function withDashes(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

test('every id comes back as it was', () => {
  fc.assert(
    fc.property(ulid, (id) => {
      const hex = uuidOf(id)
      expect(hex).toMatch(/^[0-9a-f]{32}$/)
      expect(ulidOf(withDashes(hex ?? ''))).toBe(id)
    }),
  )
})

test('the order of ids stays', () => {
  fc.assert(
    fc.property(ulid, ulid, (a, b) => {
      expect((uuidOf(a) ?? '') < (uuidOf(b) ?? '')).toBe(a < b)
    }),
  )
})

test.each([
  '',
  '01',
  '01KABCDEFG0000000000000001',
  '01kabcdefg000000000000000u',
  '81kabcdefg0000000000000001',
  '01kabcdefg00000000000000é1',
])('%j is no id', (text) => {
  expect(uuidOf(text)).toBeNull()
})
