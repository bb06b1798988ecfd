import { describe, expect, it } from 'vitest'
import { wrap } from './wrap.ts'

describe('wrap', () => {
  it('breaks between words', () => expect(wrap('one two three', '  ', 9)).toEqual(['  one two', '  three']))
  it('leaves a word that is too long whole', () =>
    expect(wrap('a verylongword b', '', 6)).toEqual(['a', 'verylongword', 'b']))
  it('leaves a pipe alone', () => expect(wrap('one two three', '  ', undefined)).toEqual(['  one two three']))
})
