import { expect, it } from 'vitest'
import { storableText } from './storable-text.ts'

it('takes out what PostgreSQL cannot store, and nothing else', () => {
  expect(storableText('a\0b\ud83d')).toBe('ab\ufffd')
  expect(storableText('\udc00x')).toBe('\ufffdx')
  expect(storableText('pandas \u{1f43c}\n\t')).toBe('pandas \u{1f43c}\n\t')
})
