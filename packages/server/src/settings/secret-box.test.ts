import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SealError, SecretBox } from './secret-box.ts'

const box = new SecretBox(randomBytes(32))
const context = ['secret', 'prj_1', 'env', 'API_KEY', '']

describe('SecretBox', () => {
  it('opens what it sealed, whatever the text and the context are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.string()), (text, parts) => {
        // Lone surrogates cannot be written as UTF-8; no JSON body holds them either once it is stored.
        const written = Buffer.from(text, 'utf8').toString('utf8')
        expect(box.open(box.seal(text, parts), parts)).toBe(written)
      }),
    )
  })

  it('never gives the same bytes twice, nor anything of the text', () => {
    const sealed = box.seal('a secret value', context)
    expect(sealed.equals(box.seal('a secret value', context))).toBe(false)
    expect(sealed.includes('a secret value')).toBe(false)
  })

  it('refuses another context, also one that reads the same when joined', () => {
    const sealed = box.seal('x', ['a', 'b'])
    for (const other of [['b', 'a'], ['ab'], ['a', 'b', ''], [], 'a,b']) {
      expect(() => box.open(sealed, other)).toThrow(SealError)
    }
  })

  it('refuses bytes that were changed anywhere', () => {
    const sealed = box.seal('a secret value', context)
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      expect(() => box.open(changed, context)).toThrow(SealError)
      expect(() => box.open(sealed.subarray(0, at), context)).toThrow(SealError)
    }
  })

  it('names both keys when it has the wrong one', () => {
    const other = new SecretBox(randomBytes(32))
    expect(() => other.open(box.seal('x', context), context)).toThrow(
      `sealed with key ${box.keyId}, this server has ${other.keyId}`,
    )
  })

  it('takes only keys of 32 bytes', () => {
    expect(() => new SecretBox(randomBytes(16))).toThrow(RangeError)
  })

  it('has fingerprints that change with value, name and key', () => {
    const prints = [
      box.fingerprint('a', context),
      box.fingerprint('b', context),
      box.fingerprint('a', ['other']),
      new SecretBox(randomBytes(32)).fingerprint('a', context),
    ]
    expect(new Set(prints).size).toBe(4)
    expect(box.fingerprint('a', context)).toBe(prints[0])
    expect(prints[0]).toMatch(/^[0-9a-f]{12}$/)
  })
})
