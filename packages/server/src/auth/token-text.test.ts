import { describe, expect, it } from 'vitest'
import { hashToken, isTokenText, newTokenText } from './token-text.ts'

describe('a token', () => {
  it('has the form that secret scanners look for', () => {
    for (let n = 0; n < 1000; n++) {
      const text = newTokenText()
      expect(text).toMatch(/^panda_[A-Za-z0-9_-]{43}_[0-9a-z]{7}$/)
      expect(isTokenText(text)).toBe(true)
    }
  })

  it('is never made twice', () => {
    expect(new Set(Array.from({ length: 1000 }, newTokenText)).size).toBe(1000)
  })

  it('is known to be mistyped without asking anybody', () => {
    const text = newTokenText()
    for (let at = 0; at < text.length; at++) {
      const wrong = text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1)
      expect(isTokenText(wrong), wrong).toBe(false)
    }
    for (const wrong of ['', 'panda_', text.slice(1), `${text} `, text.toUpperCase()])
      expect(isTokenText(wrong)).toBe(false)
  })

  it('is stored as SHA-256', () => {
    expect(hashToken('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
