import { describe, expect, it } from 'vitest'
import { scramVerifier } from './scram.ts'

describe('the verifier of a password', () => {
  it('is what PostgreSQL makes of it', () => {
    // RFC 7677, section 3: user `user`, password `pencil`; the two keys follow from its salt and iterations.
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
    expect(scramVerifier('pencil', salt)).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    )
  })

  it('has another salt each time', () => {
    expect(scramVerifier('pencil')).not.toBe(scramVerifier('pencil'))
  })

  it('is not made of what would have to be normalized first', () => {
    for (const password of ['', 'pençil', 'a b']) expect(() => scramVerifier(password)).toThrow(RangeError)
  })
})
